#include "engine/base/crc32c_pvt.h"
#include "engine/base/frame.h"

#include <string.h>

/*
 * CRC32C (Castagnoli), reflected polynomial 0x82F63B78. x86 CPUs since 2008 have an instruction for
 * it; whether this one does is asked at run time, so one binary runs everywhere.
 */

/* CRC of the 16 values of half a byte. */
static const uint32_t nibble_table[16] = {
    0x00000000, 0x105EC76F, 0x20BD8EDE, 0x30E349B1, 0x417B1DBC, 0x5125DAD3, 0x61C69362, 0x7198540D,
    0x82F63B78, 0x92A8FC17, 0xA24BB5A6, 0xB21572C9, 0xC38D26C4, 0xD3D3E1AB, 0xE330A81A, 0xF36E6F75,
};

uint32_t assay_crc32c_portable(uint32_t crc, const void *data, size_t bytes)
{
    const uint8_t *at = data;
    crc = ~crc;
    for (size_t i = 0; i < bytes; i++) {
        crc ^= at[i];
        crc = crc >> 4 ^ nibble_table[crc & 15];
        crc = crc >> 4 ^ nibble_table[crc & 15];
    }
    return ~crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t by_instruction(uint32_t crc, const void *data,
                                                                 size_t bytes)
{
    const uint8_t *at = data;
    uint64_t wide = ~crc;
    while (bytes >= sizeof(uint64_t)) {
        uint64_t word = 0;
        memcpy(&word, at, sizeof word);
        wide = __builtin_ia32_crc32di(wide, word);
        at += sizeof word;
        bytes -= sizeof word;
    }
    uint32_t narrow = (uint32_t)wide;
    for (size_t i = 0; i < bytes; i++) {
        narrow = __builtin_ia32_crc32qi(narrow, at[i]);
    }
    return ~narrow;
}

uint32_t assay_crc32c(uint32_t crc, const void *data, size_t bytes)
{
    return __builtin_cpu_supports("sse4.2") ? by_instruction(crc, data, bytes)
                                            : assay_crc32c_portable(crc, data, bytes);
}
#else
uint32_t assay_crc32c(uint32_t crc, const void *data, size_t bytes)
{
    return assay_crc32c_portable(crc, data, bytes);
}
#endif
