// SPDX-License-Identifier: Apache-2.0
/* No Linux kernel was found: what is it then? The person who asked deserves a better answer than
 * "not found". */
#include "vmi/kernel.h"

#include <errno.h>

/* The range that is looked at; who has more than this in use has been found above. */
#define LOOK_PAGES 262144u
#define STRETCH    (UINT64_C(4) << 20) /* and kept mapped, or copied, at once */

struct seen {
    size_t pages, random, pe;
    bool shared_user_data, linux_banner;
    const char *foreign; /* what runs a Linux kernel that we do not read */
    const char *other;   /* a kernel by its own name */
};

static bool holds(const uint8_t *page, const char *text)
{
    return memmem(page, AX_PAGE, text, strlen(text)) != NULL;
}

/* NtSystemRoot of Windows' KUSER_SHARED_DATA, at 0x30: "C:\WINDOWS" in UTF-16. */
static bool is_shared_user_data(const uint8_t *page)
{
    static const char root[] = ":\\Windows";
    for (size_t i = 0; i < sizeof root - 1; i++) {
        char c = (char)page[0x32 + 2 * i], wanted = root[i];
        if (page[0x33 + 2 * i] != 0 || (c != wanted && c != (wanted & ~0x20)))
            return false;
    }
    return page[0x30] >= 'A' && page[0x30] <= 'Z' && page[0x31] == 0;
}

/* Encrypted memory has no favourite bytes. */
static bool is_random(const uint8_t *page)
{
    unsigned counts[256] = {0}, most = 0;
    for (size_t i = 0; i < AX_PAGE; i++)
        if (++counts[page[i]] > most)
            most = counts[page[i]];
    return most < 48; /* 16 on average */
}

/* What a Linux kernel says of itself in its description, when that is of a kind we do not read:
 * addresses of eight digits, or a number that only 64-bit ARM has. */
static const char *foreign_linux(const uint8_t *page)
{
    static const char table[] = "SYMBOL(swapper_pg_dir)=";
    if (!holds(page, "OSRELEASE="))
        return NULL;
    if (holds(page, "NUMBER(kimage_voffset)="))
        return "64-bit ARM";
    const uint8_t *p = memmem(page, AX_PAGE, table, sizeof table - 1), *end = page + AX_PAGE;
    if (!p || (size_t)(end - p) < sizeof table - 1 + 9)
        return NULL;
    p += sizeof table - 1;
    for (size_t i = 0; i < 8; i++)
        if (!memchr("0123456789abcdef", p[i], 16))
            return NULL;
    return p[8] == '\n' ? "32-bit x86" : NULL;
}

/* The BSDs' kernels carry their version behind the mark of what(1). */
static const char *other_kernel(const uint8_t *page)
{
    static const char *const names[] = {"FreeBSD", "NetBSD", "OpenBSD", "DragonFly"};
    const uint8_t *end = page + AX_PAGE, *p = memmem(page, AX_PAGE, "@(#)", 4);
    for (; p; p = memmem(p, (size_t)(end - p), "@(#)", 4)) {
        p += 4;
        for (size_t i = 0; i < AX_ARRAY_LEN(names); i++) {
            size_t n = strlen(names[i]);
            if ((size_t)(end - p) > n + 1 && memcmp(p, names[i], n) == 0 && p[n] == ' ' &&
                p[n + 1] >= '0' && p[n + 1] <= '9')
                return names[i];
        }
    }
    return NULL;
}

static void look_at(struct seen *s, const uint8_t *page)
{
    s->pages++;
    s->shared_user_data |= is_shared_user_data(page);
    if (page[0] == 'M' && page[1] == 'Z')
        s->pe++;
    if (s->pages % 64 == 0 && is_random(page))
        s->random++;
    if (s->pages % 8 == 0 || !s->linux_banner)
        s->linux_banner |= holds(page, "Linux version ");
    if (!s->foreign)
        s->foreign = foreign_linux(page);
    if (!s->other)
        s->other = other_kernel(page);
}

/* All memory that is in use, up to the limit, each page once. */
static void look_through(struct ax_ram *r, struct seen *s)
{
    uint64_t gpa = 0, end;
    while (s->pages < LOOK_PAGES && ax_ram_data(r, &gpa, &end)) {
        uint64_t from = gpa;
        for (; gpa < end && s->pages < LOOK_PAGES; gpa += AX_PAGE) {
            if (gpa - from >= STRETCH) {
                ax_ram_drop(r, from, gpa);
                from = gpa;
            }
            const uint8_t *page = ax_ram_at(r, gpa, AX_PAGE);
            if (page)
                look_at(s, page);
        }
        ax_ram_drop(r, from, gpa);
    }
}

int ax_say_what_else(struct ax_ram *r, struct ax_err *err)
{
    struct seen s = {0};
    look_through(r, &s);
    if (s.pages == 0)
        return ax_fail(err, -ENOENT, "the guest's memory is empty: it has not been started yet");
    if (s.shared_user_data)
        return ax_fail(
            err, -ENOENT,
            "this is a Windows guest: its processes cannot be read without symbol files; "
            "what the hypervisor counts is still there");
    if (s.pages >= 1024 && s.random * 64 > s.pages * 9 / 10)
        return ax_fail(
            err, -ENOENT,
            "the guest's memory is encrypted (a confidential VM): it cannot be observed");
    if (s.foreign)
        return ax_fail(
            err, -ENOENT,
            "this is a Linux kernel for %s: only those for 64-bit x86 are read; what the "
            "hypervisor counts is still there",
            s.foreign);
    if (s.linux_banner)
        return ax_fail(err, -ENOENT,
                       "a Linux kernel is booting, or was built without VMCOREINFO: no description "
                       "of it was found in memory");
    if (s.other)
        return ax_fail(
            err, -ENOENT,
            "this is a %s guest: only Linux kernels are read; what the hypervisor counts "
            "is still there",
            s.other);
    return ax_fail(err, -ENOENT,
                   "no Linux kernel found in %zu MiB of used memory: firmware, a boot loader, or "
                   "another operating system",
                   s.pages / 256);
}
