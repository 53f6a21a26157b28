// SPDX-License-Identifier: Apache-2.0
#include "auth/secret.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <sys/random.h>

#define PREFIX "axt_"

void ax_secret_random(void *p, size_t n)
{
    for (char *at = p; n > 0;) {
        ssize_t got = getrandom(at, n, 0);
        AX_ASSERT(got > 0 || errno == EINTR);
        at += got > 0 ? got : 0;
        n -= got > 0 ? (size_t)got : 0;
    }
}

/* Fetched once: looking it up by name takes longer than hashing a token. */
static EVP_MD *sha256;

static void fetch(void)
{
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    AX_ASSERT(sha256 != NULL);
}

void ax_secret_digest(const struct ax_str *parts, size_t n, uint8_t out[AX_DIGEST])
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, fetch);
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    AX_ASSERT(c != NULL);
    bool ok = EVP_DigestInit_ex(c, sha256, NULL) == 1;
    for (size_t i = 0; i < n; i++)
        ok = EVP_DigestUpdate(c, parts[i].p, parts[i].n) == 1 && ok;
    ok = EVP_DigestFinal_ex(c, out, NULL) == 1 && ok;
    AX_ASSERT(ok);
    EVP_MD_CTX_free(c);
}

bool ax_secret_eq(const void *a, const void *b, size_t n)
{
    return CRYPTO_memcmp(a, b, n) == 0;
}

/* ---- text ---- */

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* base64url without padding. */
static void print_base64(const uint8_t *p, size_t n, char *out)
{
    uint32_t bits = 0;
    unsigned have = 0;
    for (size_t i = 0; i < n; i++) {
        bits = bits << 8 | p[i];
        for (have += 8; have >= 6; have -= 6)
            *out++ = alphabet[bits >> (have - 6) & 63];
    }
    if (have)
        *out++ = alphabet[bits << (6 - have) & 63];
    *out = '\0';
}

void ax_token_make(char text[AX_TOKEN_TEXT], uint8_t digest[AX_DIGEST])
{
    uint8_t secret[32];
    ax_secret_random(secret, sizeof secret);
    memcpy(text, PREFIX, sizeof PREFIX - 1);
    print_base64(secret, sizeof secret, text + sizeof PREFIX - 1);
    explicit_bzero(secret, sizeof secret);
    ax_secret_digest(&(struct ax_str){text, AX_TOKEN_TEXT - 1}, 1, digest);
}

bool ax_token_is(struct ax_str s)
{
    return s.n == AX_TOKEN_TEXT - 1 && ax_str_starts(s, AX_STR(PREFIX));
}

char *ax_digest_print(const uint8_t digest[AX_DIGEST], char out[AX_DIGEST_TEXT])
{
    for (size_t i = 0; i < AX_DIGEST; i++) {
        out[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        out[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    out[2 * AX_DIGEST] = '\0';
    return out;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool ax_digest_parse(struct ax_str hex, uint8_t out[AX_DIGEST])
{
    uint8_t parsed[AX_DIGEST];
    if (hex.n != 2 * AX_DIGEST)
        return false;
    for (size_t i = 0; i < AX_DIGEST; i++) {
        int high = hex_digit(hex.p[2 * i]), low = hex_digit(hex.p[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        parsed[i] = (uint8_t)(high << 4 | low);
    }
    memcpy(out, parsed, sizeof parsed);
    return true;
}

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool ax_base64_decode(struct ax_str s, char *out, size_t room, size_t *n)
{
    uint32_t bits = 0;
    unsigned have = 0;
    size_t made = 0;
    size_t pads = s.n % 4 == 0 ? 2 : 0;
    for (; pads && s.n && s.p[s.n - 1] == '='; pads--)
        s.n--;
    for (size_t i = 0; i < s.n; i++) {
        int digit = base64_digit(s.p[i]);
        if (digit < 0)
            return false;
        bits = bits << 6 | (uint32_t)digit;
        have += 6;
        if (have < 8)
            continue;
        have -= 8;
        if (made == room)
            return false;
        out[made++] = (char)(bits >> have & 255);
    }
    *n = made;
    return s.n % 4 != 1;
}
