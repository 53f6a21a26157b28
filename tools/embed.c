// SPDX-License-Identifier: Apache-2.0
/* Turns files into a C source with the table behind src/api/assets.h:
 *
 *     embed OUT.c NAME=FILE...
 *
 * NAME is the path under which the file is served, without the leading slash. Where FILE.gz exists
 * and is smaller it goes in as the compressed form. Runs at build time only. */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILES_MAX 64

struct bytes {
    unsigned char *p;
    size_t n;
};

static const struct {
    const char *suffix, *type;
} types[] = {
    {".html", "text/html; charset=utf-8"}, {".js", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},   {".svg", "image/svg+xml"},
    {".yml", "text/yaml; charset=utf-8"},
};

static const char *type_of(const char *name)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        size_t n = strlen(name), k = strlen(types[i].suffix);
        if (n > k && strcmp(name + n - k, types[i].suffix) == 0)
            return types[i].type;
    }
    return NULL;
}

static bool read_file(const char *path, struct bytes *out)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return false;
    size_t cap = 1 << 16, n = 0, got;
    unsigned char *p = malloc(cap);
    while (p && (got = fread(p + n, 1, cap - n, f)) > 0) {
        n += got;
        if (n == cap) {
            unsigned char *bigger = realloc(p, cap *= 2);
            if (!bigger)
                free(p);
            p = bigger;
        }
    }
    bool ok = p && !ferror(f);
    fclose(f);
    if (!ok) {
        free(p);
        return false;
    }
    *out = (struct bytes){p, n};
    return true;
}

static void print_array(FILE *out, char kind, int i, struct bytes b)
{
    fprintf(out, "static const unsigned char %c%d[] = {", kind, i);
    for (size_t k = 0; k < b.n; k++)
        fprintf(out, "%s%u,", k % 24 == 0 ? "\n" : "", b.p[k]);
    fprintf(out, "0};\n");
}

/* FNV-1a: names a content, nothing secret. */
static uint64_t hash(struct bytes b)
{
    uint64_t h = 14695981039346656037ull;
    for (size_t i = 0; i < b.n; i++)
        h = (h ^ b.p[i]) * 1099511628211ull;
    return h;
}

/* Prints the arrays of one file and writes its row of the table into `row`. */
static bool embed(FILE *out, int i, const char *arg, char *row, size_t row_size)
{
    const char *equals = strchr(arg, '=');
    if (!equals || equals == arg) {
        fprintf(stderr, "embed: '%s': expected NAME=FILE\n", arg);
        return false;
    }
    char name[128], gz[4096];
    snprintf(name, sizeof name, "%.*s", (int)(equals - arg), arg);
    snprintf(gz, sizeof gz, "%s.gz", equals + 1);
    const char *type = type_of(name);
    struct bytes plain = {0}, packed = {0};
    if (!type) {
        fprintf(stderr, "embed: %s: no type is known for this suffix\n", name);
        return false;
    }
    if (!read_file(equals + 1, &plain)) {
        fprintf(stderr, "embed: %s: %s\n", equals + 1, strerror(errno));
        return false;
    }
    bool zipped = read_file(gz, &packed) && packed.n < plain.n;
    print_array(out, 'd', i, plain);
    if (zipped)
        print_array(out, 'z', i, packed);
    char gzip[64] = "NULL, 0";
    if (zipped)
        snprintf(gzip, sizeof gzip, "z%d, %zu", i, packed.n);
    snprintf(row, row_size, "    {\"/%s\", \"%s\", d%d, %zu, %s, \"\\\"%016llx\\\"\"},\n", name,
             type, i, plain.n, gzip, (unsigned long long)hash(plain));
    free(plain.p);
    free(packed.p);
    return true;
}

static const char find_function[] =
    "const struct ax_asset *ax_asset_find(struct ax_str path) {\n"
    "    if (path.n == 1 && path.p[0] == '/')\n"
    "        path = AX_STR(\"/index.html\");\n"
    "    for (size_t i = 0; i < AX_ARRAY_LEN(assets); i++)\n"
    "        if (strlen(assets[i].path) == path.n && memcmp(assets[i].path, path.p, path.n) == 0)\n"
    "            return &assets[i];\n"
    "    return NULL;\n"
    "}\n";

int main(int argc, char **argv)
{
    static char rows[FILES_MAX][512];
    if (argc < 3 || argc - 2 > FILES_MAX) {
        fprintf(stderr, "usage: embed OUT.c NAME=FILE... (at most %d)\n", FILES_MAX);
        return 2;
    }
    FILE *out = fopen(argv[1], "w");
    if (!out) {
        fprintf(stderr, "embed: %s: %s\n", argv[1], strerror(errno));
        return 1;
    }
    fputs("/* Made by tools/embed.c. */\n#include \"api/assets.h\"\n\n#include <string.h>\n\n",
          out);
    bool ok = true;
    for (int i = 2; ok && i < argc; i++)
        ok = embed(out, i - 2, argv[i], rows[i - 2], sizeof rows[0]);
    fputs("\nstatic const struct ax_asset assets[] = {\n", out);
    for (int i = 2; i < argc; i++)
        fputs(rows[i - 2], out);
    fprintf(out, "};\n\n%s", find_function);
    if (fclose(out) != 0 || !ok) {
        remove(argv[1]);
        return 1;
    }
    return 0;
}
