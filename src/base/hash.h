/* hash.h: hashes and checksums.
 *
 * hash_bytes is for tables in memory only: it is not stable between versions of the program.
 * hash_murmur2 is Kafka's partitioner (seed 0x9747b28c), hash_crc32 librdkafka's, hash_crc32c the
 * checksum of record batches.
 */
#ifndef ARUS_BASE_HASH_H
#define ARUS_BASE_HASH_H

#include "base/str.h"

uint64_t hash_bytes(const void *p, size_t n);
uint32_t hash_murmur2(const void *p, size_t n);
/* Castagnoli, as Kafka stores it; `crc` is what came before, 0 at the start. */
uint32_t hash_crc32c(uint32_t crc, const void *p, size_t n);
/* Of bytes with the CRC `a` and b_len bytes with the CRC `b` behind them. */
uint32_t hash_crc32c_join(uint32_t a, uint32_t b, size_t b_len);
uint32_t hash_crc32(uint32_t crc, const void *p, size_t n);

/* The partition of a key among n (> 0): Kafka's default for records with a key. */
static inline int32_t hash_partition(const void *key, size_t len, int32_t n)
{
    return (int32_t)((hash_murmur2(key, len) & 0x7fffffff) % (uint32_t)n);
}

#endif
