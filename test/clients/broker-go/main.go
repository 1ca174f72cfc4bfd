// franz-go: topics, offsets, groups, cooperative-sticky, compressions, transactions; a line a step, compared with expected.
package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"sort"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

//go:embed expected
var expected string

const topic, group = "franz", "franz-group"

var (
	lines []string
	ctx   = context.Background()
	seeds = kgo.SeedBrokers(os.Getenv("SERVER"))
)

// A step's line: what it gave, or the error it met.
func step(name string, v any, err error) {
	var code *kerr.Error
	if errors.As(err, &code) {
		v = "error " + code.Message
	} else if err != nil {
		v = "error " + err.Error()
	}
	lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s: %v", name, v)))
	fmt.Println(" ", lines[len(lines)-1])
}

func client(opts ...kgo.Opt) *kgo.Client {
	c, err := kgo.NewClient(append([]kgo.Opt{seeds}, opts...)...)
	if err != nil {
		panic(err)
	}
	return c
}

func offsets(l kadm.ListedOffsets, err error) (any, error) {
	if err == nil {
		err = l.Error()
	}
	var out []string
	l.Each(func(o kadm.ListedOffset) { out = append(out, fmt.Sprintf("%d@%d", o.Partition, o.Offset)) })
	sort.Strings(out)
	return out, err
}

func topics(adm *kadm.Client) {
	retention := "86400000"
	made, err := adm.CreateTopic(ctx, 3, 1, map[string]*string{"retention.ms": &retention}, topic)
	step("create", fmt.Sprint(made.Topic, made.NumPartitions, made.ReplicationFactor), err)
	_, err = adm.CreateTopic(ctx, 3, 1, nil, topic)
	step("create again", "ok", err)
	_, err = adm.CreateTopic(ctx, 3, 9, nil, "franz-wide")
	step("create with 9 replicas", "ok", err)
	list, err := adm.ListTopics(ctx, topic)
	step("describe", fmt.Sprint(list[topic].Partitions.Numbers(), list[topic].Partitions.NumReplicas(), list[topic].IsInternal), err)
	_, err = adm.UpdatePartitions(ctx, 4, topic)
	step("set partitions", "ok", err)
	value := "100000"
	altered, err := adm.AlterTopicConfigs(ctx, []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "max.message.bytes", Value: &value}}, topic)
	step("alter a config", altered[0].Err, err)
	configs, err := adm.DescribeTopicConfigs(ctx, topic)
	found := map[string]string{}
	for _, c := range configs[0].Configs {
		if c.Key == "retention.ms" || c.Key == "max.message.bytes" || c.Key == "cleanup.policy" {
			found[c.Key] = c.MaybeValue() + " " + c.Source.String()
		}
	}
	step("describe configs", found, err)
	dirs, err := adm.DescribeAllLogDirs(ctx, nil)
	n := 0
	dirs.Each(func(d kadm.DescribedLogDir) { n += len(d.Topics[topic]) })
	step("log dirs", n, err)
	meta, err := adm.BrokerMetadata(ctx)
	step("brokers", len(meta.Brokers), err)
}

func records(adm *kadm.Client) {
	codecs := map[string]kgo.CompressionCodec{"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression()}
	for _, name := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		c := client(kgo.DefaultProduceTopic(topic), kgo.ProducerBatchCompression(codecs[name]), kgo.RecordPartitioner(kgo.ManualPartitioner()))
		sent := c.ProduceSync(ctx, &kgo.Record{Value: []byte(strings.Repeat(name, 50)), Key: []byte("k"), Headers: []kgo.RecordHeader{{Key: "with", Value: []byte(name)}}}, &kgo.Record{Partition: 1, Value: []byte(name)})
		step("produce "+name, fmt.Sprint(sent[0].Record.Offset, sent[1].Record.Offset), sent.FirstErr())
		c.Close()
	}
	plain := client(kgo.DefaultProduceTopic(topic), kgo.DisableIdempotentWrite(), kgo.RequiredAcks(kgo.LeaderAck()), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(kgo.NoCompression()))
	sent := plain.ProduceSync(ctx, &kgo.Record{Partition: 2, Value: []byte("plain")})
	step("produce without idempotence", sent[0].Record.Offset, sent.FirstErr())
	sent = plain.ProduceSync(ctx, &kgo.Record{Partition: 2, Value: make([]byte, 200000)})
	step("produce too much", "ok", sent.FirstErr())
	plain.Close()
	v, err := offsets(adm.ListEndOffsets(ctx, topic))
	step("end offsets", v, err)
	v, err = offsets(adm.ListOffsetsAfterMilli(ctx, 0, topic))
	step("offsets after a time", v, err)
	v, err = offsets(adm.ListMaxTimestampOffsets(ctx, topic))
	step("offsets of the latest time", v, err)
}

// A member of the group that reads until `enough`; it counts what it holds.
type member struct {
	c    *kgo.Client
	seen chan string
	held chan int
}

func join(groupID string, opts ...kgo.Opt) *member {
	m := &member{seen: make(chan string, 100), held: make(chan int, 100)}
	n := 0
	change := func(by int) func(context.Context, *kgo.Client, map[string][]int32) {
		return func(_ context.Context, _ *kgo.Client, p map[string][]int32) { n += by * len(p[topic]); m.held <- n }
	}
	m.c = client(append([]kgo.Opt{kgo.ConsumerGroup(groupID), kgo.ConsumeTopics(topic), kgo.Balancers(kgo.CooperativeStickyBalancer()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.OnPartitionsAssigned(change(1)), kgo.OnPartitionsRevoked(change(-1)), kgo.OnPartitionsLost(change(-1)), kgo.HeartbeatInterval(300 * time.Millisecond), kgo.DisableAutoCommit()}, opts...)...)
	go func() {
		for {
			f := m.c.PollFetches(ctx)
			if f.IsClientClosed() {
				return
			}
			f.EachRecord(func(r *kgo.Record) { m.seen <- fmt.Sprintf("%d@%d %d", r.Partition, r.Offset, len(r.Value)) })
		}
	}()
	return m
}

func (m *member) read(n int) (any, error) {
	var out []string
	for len(out) < n {
		select {
		case s := <-m.seen:
			out = append(out, s)
		case <-time.After(15 * time.Second):
			return nil, fmt.Errorf("read only %v", out)
		}
	}
	sort.Strings(out)
	return out, nil
}

func (m *member) holds(want int) (any, error) {
	for {
		select {
		case n := <-m.held:
			if n == want {
				return n, nil
			}
		case <-time.After(15 * time.Second):
			return nil, errors.New("never held as many")
		}
	}
}

func groups(adm *kadm.Client) {
	first := join(group)
	v, err := first.read(11)
	step("read as one member", v, err)
	step("commit", "ok", first.c.CommitUncommittedOffsets(ctx))
	first.holds(4)
	second := join(group)
	v, err = second.holds(2)
	step("share with a second", v, err)
	described, err := adm.DescribeGroups(ctx, group)
	g := described[group]
	step("describe the group", fmt.Sprint(g.State, g.ProtocolType, g.Protocol, len(g.Members)), err)
	first.holds(2)
	second.c.Close()
	v, err = first.holds(4)
	step("take over when it leaves", v, err)
	first.c.Close()
	committed := func() (any, error) {
		var out []string
		o, err := adm.FetchOffsets(ctx, group)
		o.Each(func(o kadm.OffsetResponse) { out = append(out, fmt.Sprintf("%d@%d", o.Partition, o.At)) })
		sort.Strings(out)
		return out, err
	}
	v, err = committed()
	step("committed offsets", v, err)
	lag, err := adm.Lag(ctx, group)
	total := lag[group].Lag.Total()
	step("lag", total, err)
	reset := kadm.Offsets{}
	reset.AddOffset(topic, 0, 2, -1)
	_, err = adm.CommitOffsets(ctx, group, reset)
	step("reset offsets", "ok", err)
	v, err = committed()
	step("offsets after that", v, err)
	deleted, err := adm.DeleteOffsets(ctx, group, kadm.TopicsSet{topic: {1: {}}})
	step("delete an offset", deleted, err)
	v, err = committed()
	step("offsets after that", v, err)
	listed, err := adm.ListGroups(ctx)
	step("list groups", fmt.Sprint(listed[group].ProtocolType, listed[group].State), err)
	_, err = adm.DeleteGroup(ctx, group)
	step("delete the group", "ok", err)
	_, err = adm.DeleteGroup(ctx, group)
	step("delete it again", "ok", err)
}

func transactions(adm *kadm.Client) {
	s, err := kgo.NewGroupTransactSession(seeds, kgo.TransactionalID("franz-txn"), kgo.ConsumerGroup("franz-eos"), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.RequireStableFetchOffsets(), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		panic(err)
	}
	for _, end := range []kgo.TransactionEndTry{kgo.TryAbort, kgo.TryCommit} {
		for n := 0; n < 11; {
			n += s.PollFetches(ctx).NumRecords()
		}
		err = s.Begin()
		sent := s.ProduceSync(ctx, &kgo.Record{Topic: topic, Partition: 3, Value: []byte(fmt.Sprintf("commit %v", bool(end)))})
		done, ended := s.End(ctx, end)
		step(fmt.Sprintf("end a transaction, commit %v", bool(end)), done, errors.Join(err, sent.FirstErr(), ended))
	}
	s.Close()
	o, err := adm.FetchOffsets(ctx, "franz-eos")
	at, _ := o.Lookup(topic, 0)
	step("offsets went with it", at.At, err)
	for _, level := range []kgo.IsolationLevel{kgo.ReadUncommitted(), kgo.ReadCommitted()} {
		c := client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {3: kgo.NewOffset().AtStart()}}), kgo.FetchIsolationLevel(level))
		var out []string
		for len(out) == 0 || out[len(out)-1] != "commit true" {
			c.PollFetches(ctx).EachRecord(func(r *kgo.Record) { out = append(out, string(r.Value)) })
		}
		step("read", strings.Join(out, ", "), nil)
		c.Close()
	}
	txns, err := adm.DescribeTransactions(ctx, "franz-txn")
	step("describe the transaction", txns["franz-txn"].State, err)
	deleted := kadm.Offsets{}
	deleted.AddOffset(topic, 0, 3, -1)
	records, err := adm.DeleteRecords(ctx, deleted)
	low, _ := records.Lookup(topic, 0)
	step("delete records", low.LowWatermark, err)
	v, err := offsets(adm.ListStartOffsets(ctx, topic))
	step("start offsets", v, err)
	_, err = adm.DeleteTopic(ctx, topic)
	step("delete the topic", "ok", err)
	_, err = adm.DeleteTopic(ctx, topic)
	step("delete it again", "ok", err)
}

func main() {
	c := client()
	adm := kadm.NewClient(c)
	for _, part := range []func(*kadm.Client){topics, records, groups, transactions} {
		part(adm)
	}
	c.Close()
	want := strings.Split(strings.TrimSpace(expected), "\n")
	for i, line := range lines {
		if i >= len(want) || want[i] != line {
			fmt.Fprintf(os.Stderr, "broker-go: line %d should be: %s\n", i+1, append(want, "nothing")[min(i, len(want))])
			os.Exit(1)
		}
	}
	fmt.Println("broker-go: ok")
}
