// SPDX-License-Identifier: Apache-2.0
/* CRC32C (Castagnoli), by the processor's instruction where there is one. Any thread. */
#ifndef AX_STORE_CRC32C_H
#define AX_STORE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Goes on from `crc` (0 to begin). */
uint32_t ax_crc32c(uint32_t crc, const void *p, size_t n);
/* The same by table: what runs without SSE 4.2, and what tests compare with. */
uint32_t ax_crc32c_portable(uint32_t crc, const void *p, size_t n);

#endif
