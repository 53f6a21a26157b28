// SPDX-License-Identifier: Apache-2.0
/* auspex inspect: what a guest's kernel knows, read from its memory, without a server. */
#include "cli/inspect.h"
#include "base/clock.h"
#include "base/json.h"
#include "cli/extract.h"
#include "cli/inner.h"
#include "cli/inspect_view.h"
#include "cli/inspect_vm.h"
#include "collect/collect.h"
#include "vmi/vmi.h"
#include "warrant/warrant.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char HELP[] =
    "auspex inspect HANDLE|NAME WORD [--watch [SECONDS]] [--reason TEXT]\n"
    "auspex inspect --ram FILE --reason TEXT [--data DIR] WORD\n"
    "auspex inspect --pid PID --reason TEXT [--data DIR] WORD\n"
    "auspex inspect ... extract --out FILE [--from ADDRESS] [--bytes N]\n"
    "\n"
    "Looks into a Linux guest's memory from outside: no agent, no profile, no pause. WORD is one "
    "of\n"
    "ps, dmesg, mem, modules, net, integrity, storage, stacks and all. Also works when the guest\n"
    "hangs or has panicked. Programs' memory is not read, only the kernel's; but in an extract:\n"
    "\n"
    "extract writes the guest's physical memory, or a part of it, to FILE: ELF, as virsh dump\n"
    "--memory-only writes it, for --ram and other tools. It takes a forensic warrant; no consent\n"
    "is enough. The guest runs on, so it is not of one instant: begin and end are told. FILE is\n"
    "new, mode 0600, and called FILE.part until it is whole; its SHA-256 is in the ledger.\n"
    "\n"
    "A VM is looked into through the server, when its owner has consented (auspex consent) or the\n"
    "provider has opened a warrant (auspex warrant open); it is written down, and the owner told.\n"
    "\n"
    "  auspex inspect web1 dmesg\n"
    "  auspex inspect web1 ps --watch 5 --reason 'ticket 4711'\n"
    "  auspex inspect web1 all --json             all that is granted\n"
    "  auspex inspect --ram /dev/shm/web1.ram --reason 'ticket 4711' ps\n"
    "  virsh dump --memory-only web1 web1.elf; auspex inspect --ram web1.elf --reason ... dmesg\n"
    "  auspex inspect --pid 4711 --reason 'does not answer' --json all | jq .processes\n"
    "  auspex inspect web1 extract --out web1.elf --reason 'court order 12/26'\n"
    "  auspex inspect --pid 4711 --reason 'case 7' extract --out web1.elf --from 1M --bytes 64K\n"
    "\n"
    "      --ram FILE       a dump (raw, or ELF as virsh dump --memory-only writes it), or the "
    "file\n"
    "                       behind a running guest's shared memory\n"
    "      --pid PID        the memory of a running QEMU (as root)\n"
    "      --reason TEXT    why; it is in the ledger before anything is read\n"
    "  -d, --data DIR       where the ledger is (default ./var); see auspex admin ledger --help\n"
    "      --user NAME      as in `auspex serve --user`, when root makes the data directory\n"
    "      --layout NAME    the machine type of a raw FILE: pc or q35 (default: found out)\n"
    "      --out FILE       of an extract: is not overwritten\n"
    "      --from ADDRESS   of an extract: guest-physical, as 0x100000 or 1M (default 0)\n"
    "      --bytes N        of an extract: as 65536 or 64K (default: all that follows)\n"
    "  -w, --watch          again every two seconds (of a VM: or as many as follow), until Ctrl-C\n"
    "\n"
    "Exit status: 0 well; 1 error; 2 bad usage; 3 the guest has panicked or oopsed, or its kernel\n"
    "was tampered with (with --json 0: the answer says it).\n";

#define WATCH_MS 2000

struct flags {
    const char *ram, *pid, *reason, *data, *user, *layout;
    bool watch;
    struct ax_extract_flags extract;
};

/* ---- whose memory ---- */

static int open_file(const struct flags *f, struct ax_ram_place *p, struct ax_err *err)
{
    struct stat st;
    p->fd = open(f->ram, O_RDONLY | O_CLOEXEC);
    if (p->fd < 0 || fstat(p->fd, &st) < 0)
        return ax_fail_errno(err, "cannot open %s", f->ram);
    if (!S_ISREG(st.st_mode) || st.st_size == 0)
        return ax_fail(err, -EINVAL, "%s: expected a file with the memory of a guest in it",
                       f->ram);
    p->kind = AX_RAM_FILE;
    p->size = (uint64_t)st.st_size;
    return 0;
}

/* What can be said of a file once it may be read. */
static int look_at_file(const struct flags *f, struct ax_ram_place *p, struct ax_err *err)
{
    static const char elf[4] = {0x7f, 'E', 'L', 'F'};
    char begin[sizeof elf];
    if (pread(p->fd, begin, sizeof begin, 0) != sizeof begin)
        return ax_fail(err, -EINVAL, "%s is too short for the memory of a guest", f->ram);
    if (memcmp(begin, elf, sizeof elf) == 0)
        p->kind = AX_RAM_ELF;
    else if (f->layout)
        p->n_blocks = ax_ram_layout(p->size, strcmp(f->layout, "pc") == 0, p->blocks);
    return 0;
}

static int find_memory(const struct flags *f, struct ax_guest_memory *m, struct ax_err *err)
{
    uint64_t pid;
    *m = (struct ax_guest_memory){.place.fd = -1};
    if (f->ram) {
        char *path = realpath(f->ram, NULL);
        snprintf(m->handle, sizeof m->handle, "file:%s", path ? path : f->ram);
        free(path);
        return open_file(f, &m->place, err);
    }
    if (!ax_str_u64(ax_str(f->pid), &pid) || pid == 0 || pid > INT32_MAX)
        return ax_fail(err, -EINVAL, "--pid \"%s\": expected the number of a QEMU process", f->pid);
    return ax_guest_memory_find("/proc", (pid_t)pid, m, err);
}

/* ---- asking and showing ---- */

struct looking {
    const struct flags *f;
    struct ax_guest_memory *m;
    struct ax_inspector_options o;
    struct ax_inspector *in;
    unsigned parts;
};

/* Memory that was plugged in or taken out meanwhile: it is read again, as it is now. */
static int ask(struct looking *l, struct ax_buf *b, struct ax_err *err)
{
    int rc = ax_inspector_ask(l->in, l->parts, b, err);
    uint64_t pid = 0;
    if (!l->f->pid || !ax_str_u64(ax_str(l->f->pid), &pid) ||
        !ax_guest_memory_changed("/proc", (pid_t)pid, l->m))
        return rc;
    ax_buf_clear(b);
    struct ax_inspector *anew = NULL;
    ax_ram_place_close(&l->m->place);
    rc = find_memory(l->f, l->m, err);
    if (rc == 0)
        rc = ax_inspector_new(&anew, &l->m->place, &l->o, err);
    if (rc < 0)
        return rc;
    ax_inspector_free(l->in);
    l->in = anew;
    return ax_inspector_ask(l->in, l->parts, b, err);
}

/* 0 well, 3 not well; -1 an error, which is told. */
static int look(struct looking *l, bool json)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf b = AX_BUF_INIT;
    const struct flags *f = l->f;
    struct ax_err err;
    if (ask(l, &b, &err) < 0 || ax_reading_check_bounds(ax_buf_view(&b), &err) < 0) {
        ax_cli_error(&err);
        return -1;
    }
    json_t *reading = json_loadb(b.p, b.n, 0, NULL);
    if (!reading) {
        ax_fail(&err, -EIO, "the reading process answered something that is no JSON");
        ax_cli_error(&err);
        return -1;
    }
    if (f->watch && !json && isatty(STDOUT_FILENO))
        fputs("\033[H\033[2J", stdout);
    bool well = ax_inspect_well(reading);
    if (json)
        ax_put_json_line(stdout, ax_buf_view(&b));
    else
        ax_inspect_show(stdout, reading);
    fflush(stdout);
    json_decref(reading);
    return well ? AX_EXIT_OK : AX_EXIT_UNWELL;
}

/* A dump is read from disk the first time, at 50 MiB a second when it is slow. */
int ax_inspect_start_ms(const struct ax_ram_place *p)
{
    uint64_t ms = 15000 + (p->size >> 20) * 20;
    return ms < 3600000 ? (int)ms : 3600000;
}

static int inspect(const struct flags *f, struct ax_guest_memory *m, unsigned parts, bool json)
{
    struct ax_err err;
    struct looking l = {.f = f,
                        .m = m,
                        .o = {.scope = ax_vmi_scope_needed(parts),
                              .start_ms = ax_inspect_start_ms(&m->place),
                              .poll_ms = 10000},
                        .parts = parts};
    if (ax_inspector_new(&l.in, &m->place, &l.o, &err) < 0)
        return ax_cli_error(&err);
    int status = look(&l, json);
    while (f->watch) {
        ax_sleep_ms(WATCH_MS);
        status = look(&l, json);
    }
    ax_inspector_free(l.in);
    return status < 0 ? AX_EXIT_ERROR : status;
}

static bool is_extract(const char *word)
{
    return strcmp(word, "extract") == 0;
}

static int process_of(const struct flags *f)
{
    uint64_t pid = 0;
    return f->pid && ax_str_u64(ax_str(f->pid), &pid) && pid <= INT32_MAX ? (int)pid : 0;
}

/* The file is made first: where it cannot be, nothing is read. */
static int extract(const struct flags *f, const struct ax_extract_wish *w, bool json)
{
    struct ax_guest_memory m = {.place.fd = -1};
    struct ax_extract_file out;
    struct ax_err err;
    char what[AX_TEXT], detail[AX_TEXT + 64];
    snprintf(detail, sizeof detail, "auspex inspect extract of %s", ax_extract_what(w, what));
    if (ax_extract_file_open(&out, w->file, &err) < 0)
        return ax_cli_error(&err);
    int rc = find_memory(f, &m, &err);
    const struct ax_inspect_record r = {.data = f->data,
                                        .user = f->user,
                                        .handle = m.handle,
                                        .scope = AX_SCOPE_FORENSIC,
                                        .reason = f->reason,
                                        .detail = detail,
                                        .pid = process_of(f)};
    if (rc == 0)
        rc = ax_inspect_record(&r, &err);
    int status;
    if (rc < 0) {
        status = ax_cli_error(&err);
        ax_extract_file_leave(&out);
    } else if (m.place.kind == AX_RAM_FILE && f->ram && look_at_file(f, &m.place, &err) < 0) {
        status = ax_extract_failed(&r, &out, &err);
    } else {
        status = ax_extract_local(&m.place, &r, w, &out, json);
    }
    ax_ram_place_close(&m.place);
    return status;
}

static int run(const struct flags *f, const char *word, bool json)
{
    struct ax_guest_memory m;
    struct ax_err err;
    char detail[64];
    unsigned parts = ax_inspect_parts(word);
    int rc = find_memory(f, &m, &err);
    snprintf(detail, sizeof detail, "auspex inspect %s%s", word, f->watch ? ", watched" : "");
    if (rc == 0)
        rc = ax_inspect_record(&(struct ax_inspect_record){.data = f->data,
                                                           .user = f->user,
                                                           .handle = m.handle,
                                                           .scope = ax_vmi_scope_needed(parts),
                                                           .reason = f->reason,
                                                           .detail = detail},
                               &err);
    if (rc == 0 && m.place.kind == AX_RAM_FILE && f->ram)
        rc = look_at_file(f, &m.place, &err);
    int status = rc < 0 ? ax_cli_error(&err) : inspect(f, &m, parts, json);
    ax_ram_place_close(&m.place);
    return status;
}

static int check(const struct ax_cli *c, const struct flags *f)
{
    if (!f->ram == !f->pid)
        return ax_cli_usage(c, "say whose memory: a VM, --ram FILE or --pid PID");
    if (c->nargs && !ax_inspect_parts(c->args[0]) && !is_extract(c->args[0]))
        return ax_cli_usage(c, "\"%s\" is nothing to look at; expected " AX_INSPECT_WORDS,
                            c->args[0]);
    if (f->layout && strcmp(f->layout, "pc") != 0 && strcmp(f->layout, "q35") != 0)
        return ax_cli_usage(c, "--layout \"%s\": expected pc or q35", f->layout);
    struct ax_str reason = ax_str_trim(ax_str(f->reason));
    if (reason.n == 0)
        return ax_cli_usage(c, "--reason TEXT is missing: somebody's memory is read only for a "
                               "reason, and that goes on record");
    if (reason.n > AX_WARRANT_REASON)
        return ax_cli_usage(c, "--reason is longer than %d bytes", AX_WARRANT_REASON);
    return AX_CLI_GO;
}

static int check_extract(const struct ax_cli *c, const struct flags *f, bool extracts,
                         struct ax_extract_wish *out)
{
    if (extracts && f->watch)
        return ax_cli_usage(c, "an extract is made once: it takes no --watch");
    if (!extracts && (f->extract.out || f->extract.from || f->extract.bytes))
        return ax_cli_usage(c, "--out, --from and --bytes are of `extract`");
    return extracts ? ax_extract_usage(c, &f->extract, out) : AX_CLI_GO;
}

int ax_cmd_inspect(int argc, char **argv)
{
    struct flags f = {.data = "./var"};
    const struct ax_flag flags[] = {
        {"ram", 0, &f.ram, NULL},           {"pid", 0, &f.pid, NULL},
        {"reason", 0, &f.reason, NULL},     {"data", 'd', &f.data, NULL},
        {"user", 0, &f.user, NULL},         {"layout", 0, &f.layout, NULL},
        {"watch", 'w', NULL, &f.watch},     {"out", 0, &f.extract.out, NULL},
        {"from", 0, &f.extract.from, NULL}, {"bytes", 0, &f.extract.bytes, NULL},
    };
    struct ax_extract_wish wish;
    struct ax_cli c;
    if (argc == 2 && strcmp(argv[1], "--worker") == 0)
        return ax_inspector_worker();
    int rc = ax_cli_parse(&c, argc, argv, flags, AX_ARRAY_LEN(flags), HELP);
    bool extracts = rc == AX_CLI_GO && c.nargs > 0 && is_extract(c.args[c.nargs - 1]);
    if (rc == AX_CLI_GO)
        rc = check_extract(&c, &f, extracts, &wish);
    if (rc == AX_CLI_GO && !f.ram && !f.pid && c.nargs == 2 && extracts)
        return ax_extract_vm(&c, f.reason, &wish);
    if (rc == AX_CLI_GO && !f.ram && !f.pid && c.nargs >= 2 && c.nargs <= 3)
        return ax_inspect_vm(&c, f.reason, f.watch);
    if (rc != AX_CLI_GO ||
        (rc = ax_cli_expect(&c, 1, 1, "what to look at (" AX_INSPECT_WORDS ")")) != AX_CLI_GO)
        return rc;
    rc = check(&c, &f);
    if (rc != AX_CLI_GO)
        return rc;
    return extracts ? extract(&f, &wish, c.json) : run(&f, c.args[0], c.json);
}
