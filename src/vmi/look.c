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
};

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

static void look_at(struct seen *s, const uint8_t *page)
{
    s->pages++;
    s->shared_user_data |= is_shared_user_data(page);
    if (page[0] == 'M' && page[1] == 'Z')
        s->pe++;
    if (s->pages % 64 == 0 && is_random(page))
        s->random++;
    if (s->pages % 8 == 0 || !s->linux_banner)
        s->linux_banner |= memmem(page, AX_PAGE, "Linux version ", 14) != NULL;
}

int ax_say_what_else(struct ax_ram *r, struct ax_err *err)
{
    struct seen s = {0};
    uint64_t gpa = 0, end;
    while (s.pages < LOOK_PAGES && ax_ram_data(r, &gpa, &end)) {
        uint64_t from = gpa;
        for (; gpa < end && s.pages < LOOK_PAGES; gpa += AX_PAGE) {
            if (gpa - from >= STRETCH) {
                ax_ram_drop(r, from, gpa);
                from = gpa;
            }
            const uint8_t *page = ax_ram_at(r, gpa, AX_PAGE);
            if (page)
                look_at(&s, page);
        }
        ax_ram_drop(r, from, gpa);
    }
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
    if (s.linux_banner)
        return ax_fail(err, -ENOENT,
                       "a Linux kernel is booting, or was built without VMCOREINFO: no description "
                       "of it was found in memory");
    return ax_fail(err, -ENOENT,
                   "no Linux kernel found in %zu MiB of used memory: firmware, a boot loader, or "
                   "another operating system",
                   s.pages / 256);
}
