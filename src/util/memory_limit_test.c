#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "util/mem.h"
#include "util/memory_limit.h"

#define MIB ((uint64_t)1 << 20)

// A root with files of the system's in it.
struct root {
        char path[64];
};

static void root_setup(struct root *root) {
        *root = (struct root){.path = "/tmp/memory-limit-XXXXXX"};
        assert_non_null(mkdtemp(root->path));
}

static void root_put(const struct root *root, const char *path, const char *text) {
        CLEANUP(mem_freep) char *whole = xasprintf("%s%s", root->path, path);
        FILE *file;

        for (char *slash = strchr(whole + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
                *slash = '\0';
                mkdir(whole, 0700);
                *slash = '/';
        }
        file = fopen(whole, "we");
        assert_non_null(file);
        fputs(text, file);
        fclose(file);
}

static int entry_remove(const char *path, const struct stat *status, int kind,
                        struct FTW *place) {
        (void)status;
        (void)kind;
        (void)place;
        return remove(path);
}

static void root_teardown(const struct root *root) {
        assert_int_equal(nftw(root->path, entry_remove, 4, FTW_DEPTH), 0);
}

static void the_group_limits(void **state) {
        struct root root;

        (void)state;
        root_setup(&root);
        root_put(&root, "/proc/self/cgroup", "0::/user.slice/x.scope\n");
        root_put(&root, "/sys/fs/cgroup/user.slice/x.scope/memory.max", "16777216\n");
        assert_int_equal(memory_limit(root.path), 16 * MIB);
        root_teardown(&root);
}

static void groups_above_it_limit_too(void **state) {
        struct root root;

        (void)state;
        root_setup(&root);
        root_put(&root, "/proc/self/cgroup", "0::/a/b\n");
        root_put(&root, "/sys/fs/cgroup/a/b/memory.max", "max\n");
        root_put(&root, "/sys/fs/cgroup/a/memory.max", "8388608\n");
        assert_int_equal(memory_limit(root.path), 8 * MIB);
        root_teardown(&root);
}

static void version_one_limits(void **state) {
        struct root root;

        (void)state;
        root_setup(&root);
        root_put(&root, "/proc/self/cgroup", "5:cpu,memory:/a\n4:pids:/a\n0::/\n");
        root_put(&root, "/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "4194304\n");
        assert_int_equal(memory_limit(root.path), 4 * MIB);
        root_teardown(&root);
}

// In a container the path is the machine's, but what is mounted is the container's own group.
static void a_container_sees_its_group_at_the_mount(void **state) {
        struct root root;

        (void)state;
        root_setup(&root);
        root_put(&root, "/proc/self/cgroup", "5:memory:/docker/0123\n");
        root_put(&root, "/sys/fs/cgroup/memory/memory.limit_in_bytes", "2097152\n");
        assert_int_equal(memory_limit(root.path), 2 * MIB);
        root_teardown(&root);
}

static void without_groups_it_is_the_machines(void **state) {
        struct root root;
        uint64_t limit;

        (void)state;
        root_setup(&root);
        limit = memory_limit(root.path);
        root_put(&root, "/proc/self/cgroup", "0::/a\nnonsense\n5:memory\n");
        root_put(&root, "/sys/fs/cgroup/a/memory.max", "max\n");
        assert_true(limit > 16 * MIB && limit < UINT64_MAX);
        assert_int_equal(memory_limit(root.path), limit);
        root_teardown(&root);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_group_limits),
                cmocka_unit_test(groups_above_it_limit_too),
                cmocka_unit_test(version_one_limits),
                cmocka_unit_test(a_container_sees_its_group_at_the_mount),
                cmocka_unit_test(without_groups_it_is_the_machines),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
