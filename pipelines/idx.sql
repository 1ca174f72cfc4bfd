-- The Indonesia Stock Exchange, end to end: fetched from GoAPI, kept in two topics, joined, stored in three collections.
-- What stands in ${…} comes from idx.properties or from -D name=value.

SET 'auto.offset.reset'='earliest';

-- In: GoAPI, or whatever answers like it. It comes first, so that its topics and their schemas are its own.
CREATE SOURCE CONNECTOR IF NOT EXISTS idx_goapi WITH (
    'connector.class' = 'goapi',
    'url' = '${source_url}',
    'api' = '${source_api}',
    'key' = '${source_key}',
    'tickers' = '${tickers}',
    'from.date' = '${from_date}',
    'to.date' = '${to_date}',
    'rounds' = '${rounds}',
    'interval' = '${interval}',
    'company.per.row' = '${company_per_row}',
    'only.changed' = '${only_changed}',
    'market.hours.only' = '${market_hours_only}',
    'quota.daily' = '${quota_daily}',
    'quota.monthly' = '${quota_monthly}',
    'companies.cache' = '${companies_cache}',
    'partitioner' = '${partitioner}',
    'stock.topic' = 'streaming.goapi.idx.stock.json',
    'company.topic' = 'streaming.goapi.idx.companies.json',
    'topic.creation.default.partitions' = '9',
    'topic.creation.default.replication.factor' = '2');

-- What the market says: prices by day, and the companies' names.
CREATE STREAM IF NOT EXISTS ksqlstreamstock (id VARCHAR, ticker VARCHAR, date VARCHAR, open DOUBLE, high DOUBLE, low DOUBLE, close DOUBLE, volume BIGINT)
    WITH (KAFKA_TOPIC='streaming.goapi.idx.stock.json', VALUE_FORMAT='AVRO', PARTITIONS=9, REPLICAS=2);

CREATE STREAM IF NOT EXISTS ksqlstreamcompany (id VARCHAR, ticker VARCHAR, name VARCHAR, logo VARCHAR)
    WITH (KAFKA_TOPIC='streaming.goapi.idx.companies.json', VALUE_FORMAT='AVRO', PARTITIONS=9, REPLICAS=2);

-- One row a day and ticker, one a company, however often they come.
CREATE TABLE IF NOT EXISTS ksqltablegroupstock AS
    SELECT id AS id,
           AS_VALUE(id) AS stockid,
           LATEST_BY_OFFSET(ticker) AS ticker,
           LATEST_BY_OFFSET(date) AS date,
           LATEST_BY_OFFSET(open) AS open,
           LATEST_BY_OFFSET(high) AS high,
           LATEST_BY_OFFSET(low) AS low,
           LATEST_BY_OFFSET(close) AS close,
           LATEST_BY_OFFSET(volume) AS volume
    FROM ksqlstreamstock
    WINDOW TUMBLING (SIZE 1 MINUTE, RETENTION 3 DAYS, GRACE PERIOD 15 MINUTES)
    GROUP BY id EMIT CHANGES;

CREATE TABLE IF NOT EXISTS ksqltablegroupcompany AS
    SELECT id AS id,
           AS_VALUE(id) AS companyid,
           LATEST_BY_OFFSET(ticker) AS ticker,
           LATEST_BY_OFFSET(name) AS name,
           LATEST_BY_OFFSET(logo) AS logo
    FROM ksqlstreamcompany
    WINDOW TUMBLING (SIZE 1 MINUTE, RETENTION 3 DAYS, GRACE PERIOD 15 MINUTES)
    GROUP BY id EMIT CHANGES;

-- Prices with the company's name. Each pair of a price and a company within the window is a row: this grows with the
-- product of the two, so the source sends a company once a round (company_per_row=true sends it as the article does).
CREATE STREAM IF NOT EXISTS ksqlstreamjoinstockcompany AS
    SELECT stream1.id AS id,
           stream1.ticker AS ticker,
           date AS date,
           open AS open,
           high AS high,
           low AS low,
           close AS close,
           volume AS volume,
           name AS name,
           logo AS logo
    FROM ksqlstreamstock stream1
    INNER JOIN ksqlstreamcompany stream2
        WITHIN 7 DAYS GRACE PERIOD 15 MINUTES
        ON stream1.ticker = stream2.ticker EMIT CHANGES;

CREATE TABLE IF NOT EXISTS ksqltablejoinstockcompany AS
    SELECT id AS id,
           AS_VALUE(id) AS stockid,
           LATEST_BY_OFFSET(ticker) AS ticker,
           LATEST_BY_OFFSET(date) AS date,
           LATEST_BY_OFFSET(open) AS open,
           LATEST_BY_OFFSET(high) AS high,
           LATEST_BY_OFFSET(low) AS low,
           LATEST_BY_OFFSET(close) AS close,
           LATEST_BY_OFFSET(volume) AS volume,
           LATEST_BY_OFFSET(name) AS name,
           LATEST_BY_OFFSET(logo) AS logo
    FROM ksqlstreamjoinstockcompany
    WINDOW TUMBLING (SIZE 1 MINUTE, RETENTION 3 DAYS, GRACE PERIOD 15 MINUTES)
    GROUP BY id EMIT CHANGES;

-- Out: a collection a table, a document an id.
CREATE SINK CONNECTOR IF NOT EXISTS idx_sink WITH (
    'connector.class' = '${sink}',
    'connection.uri' = '${sink_url}',
    'database' = 'kafka',
    'topics' = 'KSQLTABLEGROUPSTOCK,KSQLTABLEGROUPCOMPANY,KSQLTABLEJOINSTOCKCOMPANY',
    'topic.override.KSQLTABLEGROUPSTOCK.collection' = 'ksql-stock-stream',
    'topic.override.KSQLTABLEGROUPCOMPANY.collection' = 'ksql-company-stream',
    'topic.override.KSQLTABLEJOINSTOCKCOMPANY.collection' = 'ksql-join-stock-company');
