/*
 * engine/base/crc32c_pvt.h - the two ways to compute CRC32C, for tests that compare them.
 */
#ifndef ASSAY_BASE_CRC32C_PVT_H
#define ASSAY_BASE_CRC32C_PVT_H

#include <stddef.h>
#include <stdint.h>

/** By table, on any CPU. As assay_crc32c(). */
uint32_t assay_crc32c_portable(uint32_t crc, const void *data, size_t bytes);

#endif
