// A unix socket's file: who may, and whom it never replaces.
#include "net/local_socket.h"

#include <errno.h>
#include <grp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "util/mem.h"

struct place {
        char folder[64];
        char *path;
};

static int place_setup(void **state) {
        struct place *place = xnew(struct place);

        snprintf(place->folder, sizeof(place->folder), "/tmp/local_socket_test.XXXXXX");
        assert_non_null(mkdtemp(place->folder));
        place->path = xasprintf("%s/ours.sock", place->folder);
        *state = place;
        return 0;
}

static int place_teardown(void **state) {
        struct place *place = *state;

        unlink(place->path);
        assert_int_equal(rmdir(place->folder), 0);  // and nothing else was left in it
        free(place->path);
        free(place);
        return 0;
}

static struct local_socket *open_at(const char *path, const char *group) {
        struct local_socket *local = NULL;
        struct error error = {0};

        if (local_socket_open(&local, path, group, &error) < 0)
                fail_msg("%s", error.text);
        return local;
}

static void refused_at(const char *path, int code, const char *words) {
        struct local_socket *local = NULL;
        struct error error = {0};

        assert_int_equal(local_socket_open(&local, path, NULL, &error), code);
        assert_null(local);
        if (!strstr(error.text, words))
                fail_msg("'%s' is not in: %s", words, error.text);
}

static ino_t inode_of(const char *path) {
        struct stat there;

        return lstat(path, &there) == 0 ? there.st_ino : 0;
}

static void the_file_is_for_owner_and_group_whatever_the_umask(void **state) {
        static const mode_t masks[] = {0, 022, 0777};
        struct place *place = *state;

        for (size_t i = 0; i < sizeof(masks) / sizeof(masks[0]); i++) {
                mode_t before = umask(masks[i]);
                struct local_socket *local = open_at(place->path, "no-such-group");
                struct stat there;

                umask(before);
                assert_int_equal(lstat(place->path, &there), 0);
                assert_true(S_ISSOCK(there.st_mode));
                assert_int_equal(there.st_mode & 07777, 0660);
                assert_int_equal(there.st_uid, geteuid());
                assert_int_equal(local_socket_group(local), -1);
                assert_int_equal(local_socket_ask(place->path), 0);
                local_socket_close(local);
                assert_int_equal(inode_of(place->path), 0);
                assert_int_equal(local_socket_ask(place->path), -ENOENT);
        }
}

// A group that this process may give files to: any for root, else its own.
static void the_file_is_the_groups(void **state) {
        struct place *place = *state;
        // Tests have one thread. NOLINTNEXTLINE(concurrency-mt-unsafe)
        struct group *group = getgrgid(geteuid() == 0 ? 1 : getegid());
        struct local_socket *local;
        struct stat there;

        if (!group) {
                skip();
                return;
        }
        local = open_at(place->path, group->gr_name);
        assert_int_equal(local_socket_group(local), group->gr_gid);
        assert_int_equal(lstat(place->path, &there), 0);
        assert_int_equal(there.st_gid, group->gr_gid);
        local_socket_close(local);
}

static void a_live_one_is_not_replaced(void **state) {
        struct place *place = *state;
        struct local_socket *local = open_at(place->path, NULL);
        ino_t before = inode_of(place->path);

        refused_at(place->path, -EADDRINUSE, "another process answers on");
        assert_int_equal(inode_of(place->path), before);
        assert_int_equal(local_socket_ask(place->path), 0);
        local_socket_close(local);
}

// However busy: a full queue refuses with an errno of its own.
static void a_busy_one_is_not_replaced(void **state) {
        struct place *place = *state;
        struct local_socket *local = open_at(place->path, NULL);

        for (int i = 0; i < 200; i++)
                assert_int_equal(local_socket_ask(place->path), 0);  // nobody accepts
        refused_at(place->path, -EADDRINUSE, "another process answers on");
        local_socket_close(local);
}

static void a_dead_one_makes_room(void **state) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        struct place *place = *state;
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct local_socket *local;

        snprintf(address.sun_path, sizeof(address.sun_path), "%s", place->path);
        assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        assert_int_equal(listen(fd, 1), 0);
        close(fd);  // as a killed process leaves it
        assert_int_not_equal(inode_of(place->path), 0);
        assert_int_equal(local_socket_ask(place->path), -ECONNREFUSED);
        local = open_at(place->path, NULL);
        assert_int_equal(local_socket_ask(place->path), 0);
        local_socket_close(local);
}

static void what_is_no_socket_stays(void **state) {
        struct place *place = *state;
        FILE *file = fopen(place->path, "we");

        assert_non_null(file);
        fputs("a letter", file);
        fclose(file);
        refused_at(place->path, -EEXIST, "is no socket");
        assert_int_not_equal(inode_of(place->path), 0);
        unlink(place->path);
        assert_int_equal(symlink("/nonexistent", place->path), 0);
        refused_at(place->path, -EEXIST, "is no socket");
}

static void only_its_own_file_is_removed(void **state) {
        struct place *place = *state;
        struct local_socket *first = open_at(place->path, NULL), *second;

        assert_int_equal(unlink(place->path), 0);
        second = open_at(place->path, NULL);
        local_socket_close(first);
        assert_int_equal(local_socket_ask(place->path), 0);
        local_socket_close(second);
        assert_int_equal(inode_of(place->path), 0);
}

static void a_path_has_107_bytes(void **state) {
        struct place *place = *state;
        char path[109] = "";
        struct local_socket *local;

        memset(path, 'x', sizeof(path) - 1);
        memcpy(path, place->folder, strlen(place->folder));
        path[strlen(place->folder)] = '/';
        refused_at(path, -ENAMETOOLONG, "has 108 bytes, and the path of a socket at most 107");
        path[107] = '\0';
        local = open_at(path, NULL);
        assert_int_equal(local_socket_ask(path), 0);
        local_socket_close(local);
        assert_int_equal(inode_of(path), 0);
}

static void a_folder_that_is_missing_is_named(void **state) {
        struct place *place = *state;
        CLEANUP(mem_freep) char *path = xasprintf("%s/missing/ours.sock", place->folder);

        refused_at(path, -ENOENT, "cannot open the folder of");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(
                        the_file_is_for_owner_and_group_whatever_the_umask, place_setup,
                        place_teardown),
                cmocka_unit_test_setup_teardown(the_file_is_the_groups, place_setup,
                                                place_teardown),
                cmocka_unit_test_setup_teardown(a_live_one_is_not_replaced, place_setup,
                                                place_teardown),
                cmocka_unit_test_setup_teardown(a_busy_one_is_not_replaced, place_setup,
                                                place_teardown),
                cmocka_unit_test_setup_teardown(a_dead_one_makes_room, place_setup,
                                                place_teardown),
                cmocka_unit_test_setup_teardown(what_is_no_socket_stays, place_setup,
                                                place_teardown),
                cmocka_unit_test_setup_teardown(only_its_own_file_is_removed, place_setup,
                                                place_teardown),
                cmocka_unit_test_setup_teardown(a_path_has_107_bytes, place_setup,
                                                place_teardown),
                cmocka_unit_test_setup_teardown(a_folder_that_is_missing_is_named, place_setup,
                                                place_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
