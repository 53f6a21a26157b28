// SPDX-License-Identifier: Apache-2.0
/* Events from libvirt, told at once. A connection of its own, a thread that keeps it up, and
 * libvirt's event loop in another (one for the process: libvirt has but one). */
#include "collect/libvirt/virt.h"

#include "base/clock.h"
#include "base/map.h"

#include <libvirt/libvirt.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CHANGED_MAX 256
#define REBOOTS     64
#define REBOOT_GAP_MS                                                                              \
    2000 /* a crash with on_crash=restart tells of up to seven reboots at once                     \
          */
#define KINDS 6

/* Shared by the owner, the thread and each registered callback: the last one frees it. */
struct ax_virt_watch {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    unsigned users;
    bool quit; /* under the lock: nobody is told anything afterwards */
    void (*on_event)(void *self, const struct ax_event *e);
    void *self;
    char *uri;
    int64_t retry_ms;
    char changed[CHANGED_MAX][AX_UUID_TEXT];
    size_t nchanged;
    struct {
        uint64_t domain;
        int64_t at;
    } reboots[REBOOTS];
};

static void unref(void *arg)
{
    struct ax_virt_watch *w = arg;
    pthread_mutex_lock(&w->lock);
    bool last = --w->users == 0;
    pthread_mutex_unlock(&w->lock);
    if (!last)
        return;
    pthread_mutex_destroy(&w->lock);
    pthread_cond_destroy(&w->wake);
    free(w->uri);
    free(w);
}

/* ---- what happened, in words ---- */

struct words {
    const char *what, *text; /* the text goes behind the VM's name */
    const char *const *details;
    size_t ndetails;
};

#define DETAILS(list) list, AX_ARRAY_LEN(list)
static const char *const defined[] = {"added", "updated", "renamed", "from snapshot"};
static const char *const undefined[] = {"removed", "renamed"};
static const char *const started[] = {"booted", "migrated", "restored", "from snapshot", "wakeup"};
static const char *const suspended[] = {"paused",    "migrated",  "I/O error",
                                        "watchdog",  "restored",  "from snapshot",
                                        "api error", "post-copy", "post-copy failed"};
static const char *const resumed[] = {"unpaused", "migrated", "from snapshot", "post-copy",
                                      "post-copy failed"};
static const char *const stopped[] = {"shutdown", "destroyed", "crashed",      "migrated",
                                      "saved",    "failed",    "from snapshot"};
static const char *const finished[] = {"finished", "on guest request", "on host request"};
static const char *const pm[] = {"memory", "disk"};
static const char *const panicked[] = {"panicked", "crash loaded"};

/* Indexed by virDomainEventType. */
static const struct words lifecycle_words[] = {
    {"defined", "was defined", DETAILS(defined)},
    {"undefined", "was undefined", DETAILS(undefined)},
    {"started", "started", DETAILS(started)},
    {"suspended", "was suspended", DETAILS(suspended)},
    {"resumed", "resumed", DETAILS(resumed)},
    {"stopped", "stopped", DETAILS(stopped)},
    {"shutdown", "shut down", DETAILS(finished)},
    {"pmsuspended", "went to sleep", DETAILS(pm)},
    {"crashed", "crashed", DETAILS(panicked)},
};

static void tell(struct ax_virt_watch *w, virDomainPtr d, const char *what, const char *detail,
                 const char *text)
{
    char uuid[VIR_UUID_STRING_BUFLEN] = "";
    struct ax_arena a = AX_ARENA_INIT;
    virDomainGetUUIDString(d, uuid);
    struct ax_event e = {
        .time = ax_now_ms(),
        .handle = ax_arena_printf(&a, "vm:%s", uuid),
        .type = AX_STR("lifecycle"),
        .what = ax_str(what),
        .detail = ax_str(detail),
        .text = ax_arena_printf(&a, "%s %s%s%s", virDomainGetName(d), text, detail[0] ? ": " : "",
                                detail),
    };
    pthread_mutex_lock(&w->lock);
    if (w->nchanged < CHANGED_MAX) /* past that the minute's reading again helps */
        memcpy(w->changed[w->nchanged++], uuid, sizeof w->changed[0]);
    if (!w->quit && w->on_event)
        w->on_event(w->self, &e);
    pthread_mutex_unlock(&w->lock);
    ax_arena_free(&a);
}

static int on_lifecycle(virConnectPtr c, virDomainPtr d, int event, int detail, void *arg)
{
    if (event < 0 || (size_t)event >= AX_ARRAY_LEN(lifecycle_words))
        return 0;
    const struct words *k = &lifecycle_words[event];
    bool known = detail >= 0 && (size_t)detail < k->ndetails;
    tell(arg, d, k->what, known ? k->details[detail] : "", k->text);
    return 0;
}

/* True for the first of a burst. */
static bool first_reboot(struct ax_virt_watch *w, virDomainPtr d)
{
    char uuid[VIR_UUID_STRING_BUFLEN] = "";
    virDomainGetUUIDString(d, uuid);
    uint64_t key = ax_hash(uuid, strlen(uuid));
    int64_t now = ax_now_ms();
    pthread_mutex_lock(&w->lock);
    size_t i = key % REBOOTS;
    bool first = w->reboots[i].domain != key || now - w->reboots[i].at > REBOOT_GAP_MS;
    w->reboots[i].domain = key;
    w->reboots[i].at = now;
    pthread_mutex_unlock(&w->lock);
    return first;
}

static void on_reboot(virConnectPtr c, virDomainPtr d, void *arg)
{
    if (first_reboot(arg, d))
        tell(arg, d, "rebooted", "", "rebooted");
}

static void on_watchdog(virConnectPtr c, virDomainPtr d, int action, void *arg)
{
    tell(arg, d, "watchdog", "", "was caught by its watchdog: it had stopped answering it");
}

static void on_io_error(virConnectPtr c, virDomainPtr d, const char *path, const char *alias,
                        int action, const char *reason, void *arg)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_str detail =
        ax_arena_printf(&a, "%.200s %.100s", path ? path : "", reason ? reason : "");
    tell(arg, d, "io-error", detail.p, "had an I/O error on its disk");
    ax_arena_free(&a);
}

static void on_agent(virConnectPtr c, virDomainPtr d, int state, int reason, void *arg)
{
    bool up = state == VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_STATE_CONNECTED;
    if (reason == VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_REASON_DOMAIN_STARTED)
        return; /* the channel is always down when a domain starts */
    tell(arg, d, up ? "agent-connected" : "agent-disconnected", "",
         up ? "has its guest agent connected" : "lost its guest agent");
}

static void on_memory_failure(virConnectPtr c, virDomainPtr d, int recipient, int action,
                              unsigned flags, void *arg)
{
    bool guest = recipient == VIR_DOMAIN_EVENT_MEMORY_FAILURE_RECIPIENT_GUEST;
    tell(arg, d, "memory-failure", guest ? "in the guest's memory" : "in the hypervisor's memory",
         "was hit by a failure of the host's RAM");
}

/* ---- threads ---- */

static void keep_awake(int timer, void *arg) {}

static void *event_loop(void *arg)
{
    for (;;)
        if (virEventRunDefaultImpl() < 0)
            ax_sleep_ms(1000);
    return NULL;
}

static void start_event_loop(void)
{
    pthread_t thread;
    if (virEventRegisterDefaultImpl() < 0)
        return;
    virEventAddTimeout(1000, keep_awake, NULL, NULL);
    if (pthread_create(&thread, NULL, event_loop, NULL) == 0)
        pthread_detach(thread);
}

static virConnectPtr listen_to(struct ax_virt_watch *w, int ids[KINDS])
{
    static const struct {
        int kind;
        virConnectDomainEventGenericCallback call;
    } wanted[KINDS] = {
        {VIR_DOMAIN_EVENT_ID_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle)},
        {VIR_DOMAIN_EVENT_ID_REBOOT, VIR_DOMAIN_EVENT_CALLBACK(on_reboot)},
        {VIR_DOMAIN_EVENT_ID_WATCHDOG, VIR_DOMAIN_EVENT_CALLBACK(on_watchdog)},
        {VIR_DOMAIN_EVENT_ID_IO_ERROR_REASON, VIR_DOMAIN_EVENT_CALLBACK(on_io_error)},
        {VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK(on_agent)},
        {VIR_DOMAIN_EVENT_ID_MEMORY_FAILURE, VIR_DOMAIN_EVENT_CALLBACK(on_memory_failure)},
    };
    virConnectPtr conn = virConnectOpenReadOnly(w->uri);
    if (!conn)
        return NULL;
    virConnectSetKeepAlive(conn, 5, 3);
    for (size_t i = 0; i < KINDS; i++) {
        pthread_mutex_lock(&w->lock);
        w->users++;
        pthread_mutex_unlock(&w->lock);
        ids[i] =
            virConnectDomainEventRegisterAny(conn, NULL, wanted[i].kind, wanted[i].call, w, unref);
        if (ids[i] < 0)
            unref(w); /* this driver does not have this kind of event */
    }
    return conn;
}

static void hang_up(virConnectPtr conn, const int ids[KINDS])
{
    for (size_t i = 0; conn && i < KINDS; i++)
        if (ids[i] >= 0)
            virConnectDomainEventDeregisterAny(conn, ids[i]);
    if (conn)
        virConnectClose(conn);
}

/* Waits, with the lock held. */
static void rest(struct ax_virt_watch *w, int64_t ms)
{
    int64_t until = ax_mono_ns() + ms * 1000000;
    struct timespec ts = {until / 1000000000, until % 1000000000};
    pthread_cond_timedwait(&w->wake, &w->lock, &ts);
}

static void *keep_up(void *arg)
{
    struct ax_virt_watch *w = arg;
    virConnectPtr conn = NULL;
    int ids[KINDS];
    pthread_mutex_lock(&w->lock);
    while (!w->quit) {
        pthread_mutex_unlock(&w->lock);
        if (conn && virConnectIsAlive(conn) != 1) {
            hang_up(conn, ids);
            conn = NULL;
        }
        if (!conn)
            conn = listen_to(w, ids);
        pthread_mutex_lock(&w->lock);
        if (!w->quit)
            rest(w, conn ? 500 : w->retry_ms);
    }
    pthread_mutex_unlock(&w->lock);
    hang_up(conn, ids);
    unref(w);
    return NULL;
}

struct ax_virt_watch *ax_virt_watch_new(const struct ax_collect_options *o)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, start_event_loop);
    struct ax_virt_watch *w = ax_calloc(1, sizeof *w);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    w->users = 2;
    w->on_event = o->on_event;
    w->self = o->self;
    w->uri = ax_strdup(o->libvirt_uri);
    w->retry_ms = o->interval_ms;
    pthread_t thread;
    if (pthread_create(&thread, NULL, keep_up, w) == 0)
        pthread_detach(thread);
    else
        unref(w); /* no events; the rounds still tell the states */
    return w;
}

bool ax_virt_watch_changed(struct ax_virt_watch *w, char uuid[AX_UUID_TEXT])
{
    pthread_mutex_lock(&w->lock);
    bool any = w->nchanged > 0;
    if (any)
        memcpy(uuid, w->changed[--w->nchanged], AX_UUID_TEXT);
    pthread_mutex_unlock(&w->lock);
    return any;
}

void ax_virt_watch_free(struct ax_virt_watch *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->quit = true;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
    unref(w);
}
