// What was kept, read by those who may read some of it, by too many, and by one who does not
// read. A journal with its threads, and a listener, on one loop.
#include "api/reading.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/api.h"
#include "api/captions.h"
#include "auth/principal.h"
#include "journal/journal_life_rig.h"
#include "journal/journal_rig.h"
#include "net/listener.h"
#include "pipeline/hub.h"
#include "util/mem.h"

#define API    "/api/v1"
#define ANSWER ((size_t)64 * 1024)
#define NOON   INT64_C(1796040000000)
// Text of one row, and rows at once, for a reader who does not read; and what the kernel may
// take of it before it is noticed that nobody does.
#define LONG_TEXT 8000
#define ROWS      40
#define KERNEL    ((size_t)8 << 20)

struct desk {
        struct life *life;
        struct hub *hub;
        struct api *api;
        struct listener *listener;
        const struct principal *principal;  // who asks
        int fd;
        char *answer;  // to what was asked last
        size_t n_answer;
};

static struct desk *current;  // the life rig's conditions know only of the life

// --- the server's side -----------------------------------------------------------------------

static void describe(const void *context, struct api_view *ret) {
        const struct desk *desk = context;

        ret->figures.hub = desk->hub;
        ret->kept = (struct forget_place){desk->life->loop, desk->life->folder,
                                          desk->life->journal, NULL};
}

static void on_request(void *context, struct exchange *exchange) {
        const struct desk *desk = context;

        api_answer(desk->api, exchange);
}

// NOLINTNEXTLINE(readability-non-const-parameter): the listener's type of it
static char *admit(void *context, struct http_request *request, int *ret_status) {
        const struct desk *desk = context;

        (void)ret_status;
        request->principal = desk->principal;
        return NULL;
}

static int desk_setup(void **state) {
        struct desk *desk = xnew(struct desk);
        struct listener_handler handler = {
                .on_request = on_request, .admit = admit, .context = desk};
        struct error error = {0};

        life_setup((void **)&desk->life);
        desk->hub = hub_new(&(struct hub_parts){.loop = desk->life->loop});
        desk->api = api_new(desk->life->loop, describe, desk);
        desk->principal = principal_anonymous(true);
        desk->answer = xcalloc(ANSWER + 1, 1);
        desk->fd = -1;
        if (listener_open(&desk->listener, desk->life->loop, "127.0.0.1:0", &handler, &error) <
            0)
                fail_msg("%s", error.text);
        current = desk;
        *state = desk;
        return 0;
}

static int desk_teardown(void **state) {
        struct desk *desk = *state;

        if (desk->fd >= 0)
                close(desk->fd);
        listener_close(desk->listener);
        api_free(desk->api);
        hub_free(desk->hub);
        life_teardown((void **)&desk->life);
        free(desk->answer);
        free(desk);
        return 0;
}

// --- the client's side -----------------------------------------------------------------------

static int client_open(const struct desk *desk, const char *target) {
        struct sockaddr_in address = {
                .sin_family = AF_INET,
                .sin_port = htons((uint16_t)listener_port(desk->listener)),
                .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        };
        CLEANUP(mem_freep)
        char *request = xasprintf("GET " API "%s HTTP/1.1\r\nHost: h\r\n\r\n", target);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), room = 4096;

        assert_true(fd >= 0);
        // The kernel keeps little for who does not read.
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)), 0);
        assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
        return fd;
}

// The answer's head and, where its length or its last chunk tells the end, all of it.
static bool answer_is_there(struct life *life) {
        struct desk *desk = current;
        ssize_t got = recv(desk->fd, desk->answer + desk->n_answer, ANSWER - desk->n_answer,
                           MSG_DONTWAIT);
        const char *body, *length;

        (void)life;
        if (got > 0)
                desk->n_answer += (size_t)got;
        desk->answer[desk->n_answer] = '\0';
        body = strstr(desk->answer, "\r\n\r\n");
        length = strstr(desk->answer, "Content-Length: ");
        if (!body)
                return false;
        return length ? strlen(body + 4) >= strtoul(length + 16, NULL, 10)
                      : strstr(body, "\r\n0\r\n\r\n") || strstr(body, "WEBVTT");
}

static const char *ask(struct desk *desk, const char *target) {
        if (desk->fd >= 0)
                close(desk->fd);
        desk->fd = client_open(desk, target);
        desk->n_answer = 0;
        life_run_until(desk->life, answer_is_there);
        return desk->answer;
}

static void assert_status(struct desk *desk, const char *target, int status) {
        const char *answer = ask(desk, target);

        if (strncmp(answer, "HTTP/1.1 ", 9) != 0 || strtol(answer + 9, NULL, 10) != status)
                fail_msg("%s: expected %d, got: %s", target, status, answer);
}

// The rows, of which each says its stream, are of these streams only.
static void assert_rows(struct desk *desk, const char *target, size_t n_hall, size_t n_yard) {
        const char *answer = ask(desk, target);
        size_t n[2] = {0};

        assert_non_null(strstr(answer, " 200 "));
        for (const char *at = answer; (at = strstr(at, "\"stream\":\"")); at++)
                n[strncmp(at + 10, "yard", 4) == 0]++;
        assert_int_equal(n[0], n_hall);
        assert_int_equal(n[1], n_yard);
}

static void rows_append(struct desk *desk) {
        life_append(desk->life, "hall", "the alarm", NOON);
        life_append(desk->life, "yard", "no alarm", NOON + 1000);
        life_append(desk->life, "hall", "the alarm again", NOON + 2000);
        life_run_until(desk->life, life_all_are_shown);
}

static char *id_of(const struct desk *desk, size_t i, const char *behind) {
        char id[ROW_ID_TEXT_MAX];

        row_id_format(desk->life->shown[i].row->id, id);
        return xasprintf("/segments/%s%s", id, behind);
}

// --- tests -----------------------------------------------------------------------------------

static void who_may_read_some_streams_reads_those(void **state) {
        char *const names[] = {(char[]){"hal?"}, NULL};
        const struct principal some = {.name = "some", .scopes = SCOPE_READ, .streams = names};
        struct desk *desk = *state;

        rows_append(desk);
        assert_rows(desk, "/segments", 2, 1);
        assert_rows(desk, "/search?q=alarm", 2, 1);
        desk->principal = &some;
        assert_rows(desk, "/segments", 2, 0);
        assert_rows(desk, "/segments?order=newest&limit=1", 1, 0);
        assert_rows(desk, "/segments?stream=*", 2, 0);
        assert_rows(desk, "/segments?stream=yard", 0, 0);
        assert_rows(desk, "/search?q=alarm", 2, 0);
        assert_rows(desk, "/search?q=alarm&stream=yard", 0, 0);
        assert_rows(desk, "/streams/hall/segments", 2, 0);
}

// Not even that it is there.
static void what_one_may_not_read_is_not_there(void **state) {
        char *const names[] = {(char[]){"hall"}, (char[]){"ya[*]d"}, NULL};
        const struct principal some = {.name = "some", .scopes = SCOPE_READ, .streams = names};
        static const char *const paths[] = {"segments", "timeline", "captions.vtt",
                                            "captions.vtt?live=1", "audio?from=1&to=2"};
        struct desk *desk = *state;
        CLEANUP(mem_freep) char *hall = NULL;
        CLEANUP(mem_freep) char *yard = NULL;
        CLEANUP(mem_freep) char *sound = NULL;

        rows_append(desk);
        hall = id_of(desk, 0, "");
        yard = id_of(desk, 1, "");
        sound = id_of(desk, 1, "/audio");
        assert_status(desk, yard, 200);
        desk->principal = &some;
        assert_status(desk, hall, 200);
        assert_status(desk, yard, 404);
        assert_status(desk, sound, 404);
        for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
                CLEANUP(mem_freep) char *forbidden = xasprintf("/streams/yard/%s", paths[i]);
                CLEANUP(mem_freep) char *absent = xasprintf("/streams/none/%s", paths[i]);
                CLEANUP(mem_freep) char *glob = xasprintf("/streams/ya*d/%s", paths[i]);
                CLEANUP(mem_freep) char *said = NULL;

                assert_status(desk, forbidden, 404);
                said = xstrdup(strstr(desk->answer, "\r\n\r\n"));
                assert_status(desk, absent, 404);
                assert_string_equal(strstr(desk->answer, "\r\n\r\n"), said);
                // Its name is one that may be read, and no glob for others.
                assert_status(desk, glob, 404);
        }
}

static bool nobody_is_there(struct life *life) {
        (void)life;
        return listener_connections(current->listener) == 0;
}

// Two who have a token each.
static struct principal_life life_a = {.n_holders = 1}, life_b = {.n_holders = 1};
static const struct principal token_a = {.name = "a", .scopes = SCOPE_READ, .life = &life_a};
static const struct principal token_b = {.name = "b", .scopes = SCOPE_READ, .life = &life_b};

#define SHARE (READINGS_LIVE_MAX / READINGS_SHARE)

static void live_open(struct desk *desk, const struct principal *principal, int *fds) {
        desk->principal = principal;
        for (size_t i = 0; i < SHARE; i++) {
                assert_status(desk, "/streams/hall/captions.vtt?live=1", 200);
                fds[i] = desk->fd;
                desk->fd = -1;
        }
}

static void there_is_room_for_so_many(void **state) {
        struct desk *desk = *state;
        int fds[READINGS_SHARE][SHARE];

        rows_append(desk);
        live_open(desk, &token_a, fds[0]);
        // One has its share; there is room for the other's.
        assert_status(desk, "/streams/hall/captions.vtt?live=1", 503);
        assert_non_null(strstr(desk->answer, "for you"));
        live_open(desk, &token_b, fds[1]);
        desk->principal = principal_anonymous(true);
        assert_status(desk, "/streams/hall/captions.vtt?live=1", 503);
        assert_non_null(strstr(desk->answer, "others"));
        assert_non_null(strstr(desk->answer, "Retry-After: "));
        // Readings that end are not concerned.
        assert_status(desk, "/streams/hall/captions.vtt", 200);
        close(desk->fd);
        desk->fd = -1;
        for (size_t i = 0; i < READINGS_LIVE_MAX; i++)
                close(fds[i / SHARE][i % SHARE]);
        life_run_until(desk->life, nobody_is_there);
        assert_status(desk, "/streams/hall/captions.vtt?live=1", 200);
}

static void who_does_not_read_is_dropped(void **state) {
        struct desk *desk = *state;
        CLEANUP(mem_freep) char *text = xcalloc(LONG_TEXT + 1, 1);
        size_t n = 0;

        rows_append(desk);
        for (size_t i = 0; i < LONG_TEXT; i++)
                text[i] = i % 8 ? 'a' : ' ';
        assert_status(desk, "/streams/hall/captions.vtt?live=1", 200);
        while (listener_connections(desk->listener) == 1 && n < KERNEL) {
                for (int i = 0; i < ROWS; i++)
                        life_append(desk->life, "hall", text, NOON);
                life_run_until(desk->life, life_all_are_shown);
                life_heard_drop(desk->life->shown, &desk->life->n_shown);
                life_heard_drop(desk->life->watched, &desk->life->n_watched);
                desk->life->n_expected = 0;
                n += (size_t)ROWS * LONG_TEXT;
        }
        assert_true(n > CAPTIONS_WAITING_MAX && n < KERNEL);
        life_run_until(desk->life, nobody_is_there);
}

int main(void) {
#define TEST(test) cmocka_unit_test_setup_teardown(test, desk_setup, desk_teardown)
        const struct CMUnitTest tests[] = {
                TEST(who_may_read_some_streams_reads_those),
                TEST(what_one_may_not_read_is_not_there),
                TEST(there_is_room_for_so_many),
                TEST(who_does_not_read_is_dropped),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
