// SPDX-License-Identifier: Apache-2.0
#include "cli/inner.h"

#include <stdlib.h>
#include <string.h>

#define WORD_MAX 32

/* Steps between two words: a letter added, left out, changed, or two neighbours swapped. Words
 * longer than any name here are far from all of them. */
static unsigned distance(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b);
    if (n > WORD_MAX || m > WORD_MAX)
        return WORD_MAX;
    unsigned d[WORD_MAX + 1][WORD_MAX + 1];
    for (size_t i = 0; i <= n; i++)
        d[i][0] = (unsigned)i;
    for (size_t j = 0; j <= m; j++)
        d[0][j] = (unsigned)j;
    for (size_t i = 1; i <= n; i++)
        for (size_t j = 1; j <= m; j++) {
            unsigned best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            if (d[i - 1][j] + 1 < best)
                best = d[i - 1][j] + 1;
            if (d[i][j - 1] + 1 < best)
                best = d[i][j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                d[i - 2][j - 2] + 1 < best)
                best = d[i - 2][j - 2] + 1;
            d[i][j] = best;
        }
    return d[n][m];
}

const char *ax_suggest(const char *word, const char *const *names, size_t n)
{
    const char *best = NULL;
    size_t len = strlen(word);
    unsigned least = len < 3 ? 1 : len < 6 ? 2 : 3; /* a short word turns into any other soon */
    for (size_t i = 0; i < n; i++) {
        bool begins = len >= 3 && strncmp(word, names[i], len) == 0;
        unsigned d = begins ? 1 : distance(word, names[i]);
        if (d < least || (d == least && !best)) {
            least = d;
            best = names[i];
        }
    }
    return best;
}

const struct ax_command *ax_command_find(const char *name, const struct ax_command *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(v[i].name, name) == 0)
            return &v[i];
    return NULL;
}

int ax_command_unknown(const char *name, const struct ax_command *v, size_t n)
{
    const char **names = ax_calloc(n + 1, sizeof *names);
    for (size_t i = 0; i < n; i++)
        names[i] = v[i].name;
    const char *near = ax_suggest(name, names, n);
    fputs("auspex: there is no command \"", stderr);
    ax_put(stderr, name);
    if (near)
        fprintf(stderr, "\" (did you mean \"%s\"?)", near);
    else
        fputc('"', stderr);
    fputs("; see auspex --help\n", stderr);
    free(names);
    return AX_EXIT_USAGE;
}

void ax_help_print(FILE *out, const struct ax_command *v, size_t n)
{
    fputs("auspex: watches virtual machines and their hosts, and tells what is about to fail.\n"
          "\n"
          "  auspex run                    watch this machine, at http://127.0.0.1:8070\n"
          "  auspex top                    its virtual machines, live\n"
          "  auspex predict                what runs out, and when\n",
          out);
    const char *group = "";
    for (size_t i = 0; i < n; i++) {
        if (strcmp(group, v[i].group) != 0)
            fprintf(out, "\n%s:\n", v[i].group);
        group = v[i].group;
        fprintf(out, "  %-12s %s\n", v[i].name, v[i].summary);
    }
    fputs(
        "\n"
        "auspex COMMAND --help tells more. All commands that read take --server URL and --json.\n",
        out);
}
