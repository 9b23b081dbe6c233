#include "util/memory_limit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "util/mem.h"

#define LINE_BYTES 4608  // of /proc/self/cgroup: a path of PATH_MAX, and what stands before it

static uint64_t least(uint64_t a, uint64_t b) {
        return a < b ? a : b;
}

static uint64_t machine_memory(void) {
        long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);

        return pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : UINT64_MAX;
}

static uint64_t address_space(void) {
        struct rlimit limit;

        if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
                return UINT64_MAX;
        return limit.rlim_cur;
}

// The number in the file; "max", or no file, is no limit.
static uint64_t limit_read(const char *path) {
        FILE *file = fopen(path, "re");
        uint64_t limit = UINT64_MAX;
        char line[32];

        if (!file)
                return UINT64_MAX;
        if (fgets(line, sizeof(line), file) && line[0] >= '0' && line[0] <= '9')
                limit = strtoull(line, NULL, 10);
        (void)fclose(file);
        return limit;
}

// The group at `path` below `mount` and all above it. In a container the path may be that of
// the machine outside: what is not there is no limit, and the mount itself is looked at too.
static uint64_t groups_limit(const char *mount, char *path, const char *name) {
        uint64_t limit = UINT64_MAX;

        for (;;) {
                CLEANUP(mem_freep) char *file = xasprintf("%s%s/%s", mount, path, name);
                char *slash = strrchr(path, '/');

                limit = least(limit, limit_read(file));
                if (!slash)
                        return limit;
                *slash = '\0';
        }
}

// Does the comma-separated list of controllers have memory in it?
static int has_memory(char *controllers) {
        char *rest = controllers;

        for (const char *name; (name = strsep(&rest, ","));)
                if (strcmp(name, "memory") == 0)
                        return 1;
        return 0;
}

// One line "NUMBER:CONTROLLERS:PATH" of /proc/self/cgroup; without controllers it is version 2.
static uint64_t line_limit(const char *root, char *line) {
        char *rest = line, *controllers, *path;
        CLEANUP(mem_freep) char *mount = NULL;

        line[strcspn(line, "\n")] = '\0';
        (void)strsep(&rest, ":");
        controllers = strsep(&rest, ":");
        path = rest;
        if (!controllers || !path)
                return UINT64_MAX;
        if (controllers[0] == '\0') {
                mount = xasprintf("%s/sys/fs/cgroup", root);
                return groups_limit(mount, path, "memory.max");
        }
        if (!has_memory(controllers))
                return UINT64_MAX;
        mount = xasprintf("%s/sys/fs/cgroup/memory", root);
        return groups_limit(mount, path, "memory.limit_in_bytes");
}

uint64_t memory_limit(const char *root) {
        CLEANUP(mem_freep) char *path = xasprintf("%s/proc/self/cgroup", root);
        uint64_t limit = least(machine_memory(), address_space());
        FILE *file = fopen(path, "re");
        char line[LINE_BYTES];

        if (!file)
                return limit;
        while (fgets(line, sizeof(line), file))
                limit = least(limit, line_limit(root, line));
        (void)fclose(file);
        return limit;
}
