// SPDX-License-Identifier: Apache-2.0
/* The hash of an extract, as it comes in pieces. */
#include "warrant/warrant.h"

#include "base/err.h"

#include <openssl/evp.h>
#include <stdlib.h>

struct ax_digest {
    EVP_MD_CTX *sum;
};

struct ax_digest *ax_digest_new(void)
{
    struct ax_digest *d = ax_calloc(1, sizeof *d);
    d->sum = EVP_MD_CTX_new();
    AX_ASSERT(d->sum && EVP_DigestInit_ex(d->sum, EVP_sha256(), NULL) == 1);
    return d;
}

void ax_digest_free(struct ax_digest *d)
{
    if (d)
        EVP_MD_CTX_free(d->sum);
    free(d);
}

void ax_digest_add(struct ax_digest *d, struct ax_str bytes)
{
    AX_ASSERT(EVP_DigestUpdate(d->sum, bytes.p, bytes.n) == 1);
}

void ax_digest_zeros(struct ax_digest *d, uint64_t n)
{
    static const char zeros[65536];
    for (; n > sizeof zeros; n -= sizeof zeros)
        ax_digest_add(d, (struct ax_str){zeros, sizeof zeros});
    ax_digest_add(d, (struct ax_str){zeros, n});
}

void ax_digest_copy(const struct ax_digest *d, char out[AX_LEDGER_HASH])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char sum[32];
    EVP_MD_CTX *so_far = EVP_MD_CTX_new();
    AX_ASSERT(so_far && EVP_MD_CTX_copy_ex(so_far, d->sum) == 1);
    AX_ASSERT(EVP_DigestFinal_ex(so_far, sum, NULL) == 1);
    EVP_MD_CTX_free(so_far);
    for (size_t i = 0; i < sizeof sum; i++) {
        out[2 * i] = digits[sum[i] >> 4];
        out[2 * i + 1] = digits[sum[i] & 15];
    }
    out[2 * sizeof sum] = '\0';
}
