// SPDX-License-Identifier: Apache-2.0
/* What we need of a domain's XML. It comes from the daemon, but parts of it (metadata, titles) are
 * written by whoever defines domains: so no entities, no network, no files, bounded. */
#include "collect/libvirt/virt.h"

#include <errno.h>
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <string.h>

#define XML_MAX  (1u << 20)
#define TEXT_MAX 4096u

static bool is(const xmlNode *n, const char *name)
{
    return n->type == XML_ELEMENT_NODE && !strcmp((const char *)n->name, name);
}

static const xmlNode *child(const xmlNode *n, const char *name)
{
    for (n = n ? n->children : NULL; n; n = n->next)
        if (is(n, name))
            return n;
    return NULL;
}

static struct ax_str keep(struct ax_arena *a, const xmlChar *s)
{
    size_t n = s ? strnlen((const char *)s, TEXT_MAX) : 0;
    return ax_arena_str(a, (struct ax_str){(const char *)s, n});
}

static struct ax_str attribute(struct ax_arena *a, const xmlNode *n, const char *name)
{
    const xmlAttr *at = n ? n->properties : NULL;
    for (; at; at = at->next)
        if (!strcmp((const char *)at->name, name) && at->children && !at->children->next)
            return keep(a, at->children->content);
    return AX_STR_NULL;
}

/* Plain text of an element with no children but that text. */
static struct ax_str text(struct ax_arena *a, const xmlNode *n)
{
    const xmlNode *t = n ? n->children : NULL;
    if (!t || t->next || t->type != XML_TEXT_NODE)
        return AX_STR_NULL;
    return ax_str_trim(keep(a, t->content));
}

static void read_disk(struct ax_arena *a, const xmlNode *n, struct ax_domain_def *d)
{
    static const char *const sources[] = {"file", "dev", "name", "volume", "dir"};
    if (d->ndisks == AX_VIRT_DEVICES)
        return;
    struct ax_domain_disk *disk = &d->disks[d->ndisks++];
    const xmlNode *source = child(n, "source");
    for (size_t i = 0; i < AX_ARRAY_LEN(sources) && !disk->source.n; i++)
        disk->source = attribute(a, source, sources[i]);
    disk->type = attribute(a, n, "type");
    disk->device = attribute(a, n, "device");
    disk->target = attribute(a, child(n, "target"), "dev");
    disk->bus = attribute(a, child(n, "target"), "bus");
    disk->driver = attribute(a, child(n, "driver"), "type");
}

static void read_nic(struct ax_arena *a, const xmlNode *n, struct ax_domain_def *d)
{
    static const char *const sources[] = {"bridge", "network", "dev"};
    if (d->nnics == AX_VIRT_DEVICES)
        return;
    struct ax_domain_nic *nic = &d->nics[d->nnics++];
    for (size_t i = 0; i < AX_ARRAY_LEN(sources) && !nic->source.n; i++)
        nic->source = attribute(a, child(n, "source"), sources[i]);
    nic->target = attribute(a, child(n, "target"), "dev");
    nic->mac = attribute(a, child(n, "mac"), "address");
    nic->model = attribute(a, child(n, "model"), "type");
}

static void read_channel(struct ax_arena *a, const xmlNode *n, struct ax_domain_def *d)
{
    const xmlNode *target = child(n, "target");
    if (!ax_str_eq(attribute(a, target, "name"), AX_STR("org.qemu.guest_agent.0")))
        return;
    bool up = ax_str_eq(attribute(a, target, "state"), AX_STR("connected"));
    d->agent = up ? AX_STR("connected") : AX_STR("disconnected");
}

static void read_balloon(struct ax_arena *a, const xmlNode *n, struct ax_domain_def *d)
{
    int64_t period = 0;
    d->balloon = !ax_str_eq(attribute(a, n, "model"), AX_STR("none"));
    if (ax_str_i64(attribute(a, child(n, "stats"), "period"), &period) && period > 0)
        d->balloon_period = period;
}

static void read_devices(struct ax_arena *a, const xmlNode *devices, struct ax_domain_def *d)
{
    for (const xmlNode *n = devices ? devices->children : NULL; n; n = n->next) {
        if (is(n, "disk"))
            read_disk(a, n, d);
        else if (is(n, "interface"))
            read_nic(a, n, d);
        else if (is(n, "channel"))
            read_channel(a, n, d);
        else if (is(n, "memballoon"))
            read_balloon(a, n, d);
    }
}

/* <metadata><nova:instance><nova:name/><nova:flavor name=""/><nova:owner><nova:user uuid="">... */
static void read_nova(struct ax_arena *a, const xmlNode *metadata, struct ax_domain_def *d)
{
    const xmlNode *instance = child(metadata, "instance"), *owner = child(instance, "owner");
    d->nova_name = text(a, child(instance, "name"));
    d->nova_flavor = attribute(a, child(instance, "flavor"), "name");
    d->user_name = text(a, child(owner, "user"));
    d->user_id = attribute(a, child(owner, "user"), "uuid");
    d->project_name = text(a, child(owner, "project"));
    d->project_id = attribute(a, child(owner, "project"), "uuid");
}

static void read_domain(struct ax_arena *a, const xmlNode *root, struct ax_domain_def *d)
{
    const xmlNode *type = child(child(root, "os"), "type");
    d->agent = AX_STR("none");
    d->type = attribute(a, root, "type");
    d->name = text(a, child(root, "name"));
    d->os_type = text(a, type);
    d->machine = attribute(a, type, "machine");
    read_devices(a, child(root, "devices"), d);
    read_nova(a, child(root, "metadata"), d);
}

int ax_domain_xml_parse(struct ax_str xml, struct ax_arena *a, struct ax_domain_def *out,
                        struct ax_err *err)
{
    if (xml.n == 0 || xml.n > XML_MAX)
        return ax_fail(err, -EINVAL, "the domain's XML has %zu bytes (expected 1 to %u)", xml.n,
                       XML_MAX);
    xmlDoc *doc = xmlReadMemory(xml.p, (int)xml.n, NULL, NULL,
                                XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING |
                                    XML_PARSE_NOCDATA);
    if (!doc)
        return ax_fail(err, -EINVAL, "the domain's XML is not well-formed");
    const xmlNode *root = xmlDocGetRootElement(doc);
    bool ok = root && is(root, "domain") && !doc->intSubset; /* a DTD has no business here */
    if (ok) {
        *out = (struct ax_domain_def){0};
        read_domain(a, root, out);
    }
    xmlFreeDoc(doc);
    return ok ? 0 : ax_fail(err, -EINVAL, "this is not a libvirt domain's XML");
}
