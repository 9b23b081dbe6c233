// What a service manager hears, on a socket as it has one.
#include "util/notify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "util/mem.h"

// There is one thread. NULL takes the variable away. NOLINTBEGIN(concurrency-mt-unsafe)
static void variable_set(const char *name, const char *value) {
        if (value)
                setenv(name, value, 1);
        else
                unsetenv(name);
}
// NOLINTEND(concurrency-mt-unsafe)

struct manager {
        char folder[64];
        char path[96];
        int fd;
};

static int manager_open(void **state) {
        struct manager *manager = xnew(struct manager);
        struct sockaddr_un address = {.sun_family = AF_UNIX};

        *state = manager;
        snprintf(manager->folder, sizeof(manager->folder), "/tmp/notify-XXXXXX");
        if (!mkdtemp(manager->folder))
                return -1;
        snprintf(manager->path, sizeof(manager->path), "%s/notify", manager->folder);
        snprintf(address.sun_path, sizeof(address.sun_path), "%s", manager->path);
        manager->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        variable_set("NOTIFY_SOCKET", manager->path);
        return bind(manager->fd, (struct sockaddr *)&address, sizeof(address));
}

static int manager_close(void **state) {
        struct manager *manager = *state;

        variable_set("NOTIFY_SOCKET", NULL);
        variable_set("WATCHDOG_USEC", NULL);
        close(manager->fd);
        unlink(manager->path);
        rmdir(manager->folder);
        free(manager);
        return 0;
}

// The next message; "" when there is none.
static const char *heard(const struct manager *manager) {
        static char text[512];
        ssize_t n = recv(manager->fd, text, sizeof(text) - 1, 0);

        text[n > 0 ? n : 0] = '\0';
        return text;
}

static void each_message_as_it_should_be(void **state) {
        const struct manager *manager = *state;
        static const char reloading[] = "RELOADING=1\nMONOTONIC_USEC=";
        const char *text;

        notify_status("loading the model");
        assert_string_equal(heard(manager), "STATUS=loading the model");
        notify_ready("4 streams");
        assert_string_equal(heard(manager), "READY=1\nSTATUS=4 streams");
        notify_reloading();
        text = heard(manager);
        assert_memory_equal(text, reloading, strlen(reloading));
        assert_true(strtoll(text + strlen(reloading), NULL, 10) > 0);
        notify_stopping("finishing");
        assert_string_equal(heard(manager), "STOPPING=1\nSTATUS=finishing");
        assert_string_equal(heard(manager), "");
}

static void a_watchdog_is_fed_twice_in_its_time(void **state) {
        const struct manager *manager = *state;
        struct loop *loop = loop_new_fake(0);
        struct notify *notify;

        variable_set("WATCHDOG_USEC", "10000000");
        notify = notify_new(loop);
        loop_advance(loop, 4 * NSEC_PER_SEC);
        assert_string_equal(heard(manager), "");
        loop_advance(loop, NSEC_PER_SEC);
        assert_string_equal(heard(manager), "WATCHDOG=1");
        loop_advance(loop, 10 * NSEC_PER_SEC);
        assert_string_equal(heard(manager), "WATCHDOG=1");
        assert_string_equal(heard(manager), "WATCHDOG=1");
        assert_null(notify_free(notify));
        loop_advance(loop, 10 * NSEC_PER_SEC);
        assert_string_equal(heard(manager), "");
        loop_free(loop);
}

static void nobody_is_fed_who_does_not_ask(void **state) {
        const struct manager *manager = *state;
        struct loop *loop = loop_new_fake(0);
        struct notify *notify = notify_new(loop);

        loop_advance(loop, 100 * NSEC_PER_SEC);
        assert_string_equal(heard(manager), "");
        notify_free(notify);
        variable_set("WATCHDOG_USEC", "10000000");
        variable_set("WATCHDOG_PID", "1");  // another process is watched
        notify = notify_new(loop);
        loop_advance(loop, 100 * NSEC_PER_SEC);
        assert_string_equal(heard(manager), "");
        variable_set("WATCHDOG_PID", NULL);
        notify_free(notify);
        loop_free(loop);
}

static void without_a_manager_nothing_happens(void **state) {
        (void)state;
        variable_set("NOTIFY_SOCKET", NULL);
        notify_ready("4 streams");
        variable_set("NOTIFY_SOCKET", "/nowhere/at/all");
        notify_ready("4 streams");  // is logged, and that is all
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(each_message_as_it_should_be, manager_open,
                                                manager_close),
                cmocka_unit_test_setup_teardown(a_watchdog_is_fed_twice_in_its_time,
                                                manager_open, manager_close),
                cmocka_unit_test_setup_teardown(nobody_is_fed_who_does_not_ask, manager_open,
                                                manager_close),
                cmocka_unit_test_setup_teardown(without_a_manager_nothing_happens, manager_open,
                                                manager_close),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
