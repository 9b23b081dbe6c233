// Discovery, with cameras that answer on the loopback interface.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "source/discovery.h"
#include "source/ws_discovery.h"
#include "util/mem.h"

#define GROUP    "239.255.255.250"
#define DURATION (3 * NSEC_PER_SEC)

static const char *const loopback[] = {"127.0.0.1", NULL};

struct rig {
        struct loop *loop;
        struct discovery *discovery;
        int camera;  // its socket
        unsigned port;
        char request[WS_DISCOVERY_BYTES_MAX];
        struct sockaddr_in asker;
        unsigned n_reports;
        size_t n_cameras, n_interfaces;
        struct discovery_camera cameras[DISCOVERY_CAMERAS_MAX];
        struct ws_match first;
};

static void rig_on_done(void *context, const struct discovery_report *report) {
        struct rig *rig = context;

        rig->n_reports++;
        rig->n_interfaces = report->n_interfaces;
        rig->n_cameras = report->n_cameras;
        memcpy(rig->cameras, report->cameras, report->n_cameras * sizeof(rig->cameras[0]));
        if (report->n_cameras > 0)
                rig->first = *report->cameras[0].match;
        rig->discovery = discovery_close(rig->discovery);
}

// A socket that hears the group on the loopback interface. False where there is no multicast.
static bool camera_open(struct rig *rig) {
        struct sockaddr_in in = {.sin_family = AF_INET};
        struct ip_mreq membership = {0};
        socklen_t length = sizeof(in);

        rig->camera = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        inet_pton(AF_INET, GROUP, &in.sin_addr);
        membership.imr_multiaddr = in.sin_addr;
        inet_pton(AF_INET, loopback[0], &membership.imr_interface);
        if (bind(rig->camera, (struct sockaddr *)&in, sizeof(in)) < 0 ||
            setsockopt(rig->camera, IPPROTO_IP, IP_ADD_MEMBERSHIP, &membership,
                       sizeof(membership)) < 0)
                return false;
        assert_int_equal(getsockname(rig->camera, (struct sockaddr *)&in, &length), 0);
        rig->port = ntohs(in.sin_port);
        return true;
}

static int rig_setup(void **state) {
        struct rig *rig = xnew(struct rig);

        rig->loop = loop_new_fake(0);
        *state = rig;
        return 0;
}

static int rig_teardown(void **state) {
        struct rig *rig = *state;

        discovery_close(rig->discovery);
        loop_turn(rig->loop);
        loop_free(rig->loop);
        if (rig->camera > 0)
                close(rig->camera);
        mem_free(rig);
        return 0;
}

static struct rig *rig_need(void **state) {
        struct rig *rig = *state;
        const struct discovery_config config = {
                .group = GROUP, .interfaces = loopback, .duration = DURATION};
        struct discovery_config own = config;

        if (!camera_open(rig))
                skip();
        own.port = rig->port;
        assert_int_equal(
                discovery_open(&rig->discovery, rig->loop, &own, rig_on_done, rig, NULL), 0);
        return rig;
}

// Read a probe, and its id.
static void camera_hear(struct rig *rig, char id[WS_DISCOVERY_ID_SIZE]) {
        socklen_t length = sizeof(rig->asker);
        ssize_t n = recvfrom(rig->camera, rig->request, sizeof(rig->request) - 1, 0,
                             (struct sockaddr *)&rig->asker, &length);
        const char *place;

        assert_true(n > 0);
        rig->request[n] = '\0';
        place = strstr(rig->request, "urn:uuid:");
        assert_non_null(place);
        snprintf(id, WS_DISCOVERY_ID_SIZE, "%s", place);
}

static void camera_send(struct rig *rig, const char *bytes, size_t n) {
        unsigned n_before = discovery_answers(rig->discovery);

        assert_int_equal(sendto(rig->camera, bytes, n, 0, (struct sockaddr *)&rig->asker,
                                sizeof(rig->asker)),
                         (ssize_t)n);
        while (discovery_answers(rig->discovery) == n_before)
                loop_turn(rig->loop);
}

static void camera_answer(struct rig *rig, const char *id, const char *endpoint) {
        CLEANUP(mem_freep)
        char *text = xasprintf("<E><RelatesTo>%s</RelatesTo><ProbeMatch><Address>%s</Address>"
                               "<Scopes>onvif://www.onvif.org/name/Door</Scopes><XAddrs>http://"
                               "10.0.0.9/</XAddrs>"
                               "</ProbeMatch></E>",
                               id, endpoint);

        camera_send(rig, text, strlen(text));
}

static void cameras_answer_and_are_told_in_the_end(void **state) {
        struct rig *rig = rig_need(state);
        char id[WS_DISCOVERY_ID_SIZE], again[WS_DISCOVERY_ID_SIZE];

        camera_hear(rig, id);
        camera_answer(rig, id, "urn:uuid:1");
        camera_answer(rig, id, "urn:uuid:2");
        camera_answer(rig, "urn:uuid:somebody-else", "urn:uuid:3");
        // The probe comes once more, and the answer to it is no other camera.
        loop_advance(rig->loop, NSEC_PER_SEC);
        camera_hear(rig, again);
        assert_string_equal(again, id);
        camera_answer(rig, id, "urn:uuid:1");
        assert_int_equal(rig->n_reports, 0);
        loop_advance(rig->loop, DURATION - NSEC_PER_SEC);
        assert_int_equal(rig->n_reports, 1);
        assert_int_equal(rig->n_interfaces, 1);
        assert_int_equal(rig->n_cameras, 2);
        assert_string_equal(rig->cameras[0].address, "127.0.0.1");
        assert_string_equal(rig->first.endpoint, "urn:uuid:1");
        assert_string_equal(rig->first.name, "Door");
        assert_string_equal(rig->first.urls[0], "http://10.0.0.9/");
}

static void garbage_is_no_camera(void **state) {
        static const char large[WS_DISCOVERY_BYTES_MAX + 1] = {'<'};
        struct rig *rig = rig_need(state);
        char id[WS_DISCOVERY_ID_SIZE];

        camera_hear(rig, id);
        camera_send(rig, large, sizeof(large));
        camera_send(rig, "", 0);
        camera_answer(rig, id, "");
        loop_advance(rig->loop, DURATION);
        // It says nothing of itself but that it is there.
        assert_int_equal(rig->n_cameras, 1);
        assert_string_equal(rig->first.endpoint, "");
}

static void there_are_not_too_many(void **state) {
        struct rig *rig = rig_need(state);
        char id[WS_DISCOVERY_ID_SIZE];

        camera_hear(rig, id);
        for (int i = 0; i < DISCOVERY_CAMERAS_MAX + 10; i++) {
                char endpoint[32];

                snprintf(endpoint, sizeof(endpoint), "urn:uuid:%d", i);
                camera_answer(rig, id, endpoint);
        }
        loop_advance(rig->loop, DURATION);
        assert_int_equal(rig->n_cameras, DISCOVERY_CAMERAS_MAX);
}

static void it_may_be_closed_before(void **state) {
        struct rig *rig = rig_need(state);

        rig->discovery = discovery_close(rig->discovery);
        loop_advance(rig->loop, 2 * DURATION);
        assert_int_equal(rig->n_reports, 0);
}

static void without_an_interface_there_is_nothing_to_ask(void **state) {
        static const char *const none[] = {"192.0.2.77", "no address", NULL};
        struct rig *rig = *state;
        const struct discovery_config config = {.interfaces = none, .duration = DURATION};
        struct error error = {0};

        assert_int_equal(
                discovery_open(&rig->discovery, rig->loop, &config, rig_on_done, rig, &error),
                -ENETUNREACH);
        assert_non_null(strstr(error.text, "no network interface"));
}

#define RIG_TEST(function) cmocka_unit_test_setup_teardown(function, rig_setup, rig_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                RIG_TEST(cameras_answer_and_are_told_in_the_end),
                RIG_TEST(garbage_is_no_camera),
                RIG_TEST(there_are_not_too_many),
                RIG_TEST(it_may_be_closed_before),
                RIG_TEST(without_an_interface_there_is_nothing_to_ask),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
