// SPDX-License-Identifier: Apache-2.0
/* auspex version: what is installed. Nothing here changes between two builds of one source. */
#include "cli/inner.h"

#include "base/json.h"
#include "store/store.h"

#include <curl/curl.h>
#include <libvirt/libvirt.h>

static const char HELP[] = "auspex version [--json]\n"
                           "\n"
                           "  auspex version --json | jq -r .version\n";

static void library_version(unsigned long v, char out[AX_TEXT])
{
    snprintf(out, AX_TEXT, "%lu.%lu.%lu", v / 1000000, v / 1000 % 1000, v % 1000);
}

int ax_cmd_version(int argc, char **argv)
{
    struct ax_cli c;
    int rc = ax_cli_parse(&c, argc, argv, NULL, 0, HELP);
    if (rc != AX_CLI_GO || (rc = ax_cli_expect(&c, 0, 0, "")) != AX_CLI_GO)
        return rc;
    unsigned long v = 0;
    char libvirt[AX_TEXT];
    virGetVersion(&v, NULL, NULL);
    library_version(v, libvirt);
    struct ax_str format = ax_str_trim(AX_STR(AX_STORE_FORMAT));
    if (!c.json) {
        printf("auspex %s\nstore format %.*s, compiler gcc %s, libvirt %s, libcurl %s\n",
               AX_VERSION, AX_STR_ARG(format), __VERSION__, libvirt, LIBCURL_VERSION);
        return AX_EXIT_OK;
    }
    AX_CLEANUP(ax_buf_free) struct ax_buf out = AX_BUF_INIT;
    struct ax_json j = {.out = &out};
    ax_json_obj(&j);
    ax_json_key(&j, "version");
    ax_json_cstr(&j, AX_VERSION);
    ax_json_key(&j, "store_format");
    ax_json_str(&j, format);
    ax_json_key(&j, "compiler");
    ax_json_cstr(&j, "gcc " __VERSION__);
    ax_json_key(&j, "libvirt");
    ax_json_cstr(&j, libvirt);
    ax_json_key(&j, "libcurl");
    ax_json_cstr(&j, LIBCURL_VERSION);
    ax_json_end(&j);
    ax_put_json_line(stdout, ax_buf_view(&out));
    return AX_EXIT_OK;
}
