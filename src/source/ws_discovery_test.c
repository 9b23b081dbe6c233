#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "source/ws_discovery.h"
#include "util/mem.h"

#define ID "urn:uuid:0a6dc791-2be6-4991-9af1-454778a1917a"
#define BEGIN                                                                        \
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><s:Envelope xmlns:s=\"s\" "       \
        "xmlns:a=\"a\" xmlns:d=\"d\"><s:Header><a:RelatesTo>\n " ID "</a:RelatesTo>" \
        "</s:Header><s:Body><d:ProbeMatches>"
#define END "</d:ProbeMatches></s:Body></s:Envelope>"

static struct ws_answer answer;

static int read_text(const char *text, struct error *error) {
        return ws_discovery_read(text, strlen(text), ID, &answer, error);
}

static void check_refused(const char *text, const char *words) {
        struct error error = {0};

        assert_int_equal(read_text(text, &error), -EPROTO);
        if (!strstr(error.text, words))
                fail_msg("'%s' lacks '%s'", error.text, words);
}

static void a_camera_says_what_it_is(void **state) {
        const struct ws_match *match = &answer.matches[0];

        (void)state;
        assert_int_equal(
                read_text(
                        BEGIN
                        "<d:ProbeMatch><a:EndpointReference><a:Address> urn:uuid:1 "
                        "</a:Address></a:EndpointReference><d:Types>n:NetworkVideoTransmitter"
                        "</d:Types><d:Scopes>onvif://www.onvif.org/type/audio_encoder\n"
                        "onvif://www.onvif.org/name/Front%20door\t"
                        "onvif://www.onvif.org/hardware/M3045-V "
                        "onvif://www.onvif.org/name/second "
                        "onvif://www.onvif.org/location/K%c3%bcche</d:Scopes>"
                        "<d:XAddrs>http://192.168.1.20/onvif/device_service "
                        "ftp://192.168.1.20/ https://[fe80::1]/onvif/device_service</d:XAddrs>"
                        "</d:ProbeMatch>" END,
                        NULL),
                0);
        assert_int_equal(answer.n, 1);
        assert_string_equal(match->endpoint, "urn:uuid:1");
        assert_string_equal(match->name, "Front door");
        assert_string_equal(match->hardware, "M3045-V");
        assert_string_equal(match->location, "K\xc3\xbc"
                                             "che");
        assert_int_equal(match->n_scopes, 5);
        assert_string_equal(match->scopes[0], "onvif://www.onvif.org/type/audio_encoder");
        assert_int_equal(match->n_urls, 2);
        assert_string_equal(match->urls[0], "http://192.168.1.20/onvif/device_service");
        assert_string_equal(match->urls[1], "https://[fe80::1]/onvif/device_service");
}

static void an_answer_may_be_of_several(void **state) {
        (void)state;
        assert_int_equal(read_text(BEGIN "<d:ProbeMatch><a:Address>1</a:Address></d:ProbeMatch>"
                                         "<d:ProbeMatch><a:Address>2</a:Address></d:ProbeMatch>"
                                         "<d:ProbeMatch/><d:ProbeMatch/><d:ProbeMatch>"
                                         "<a:Address>5</a:Address></d:ProbeMatch>" END,
                                   NULL),
                         0);
        assert_int_equal(answer.n, WS_DISCOVERY_MATCHES_MAX);
        assert_string_equal(answer.matches[1].endpoint, "2");
        assert_string_equal(answer.matches[3].endpoint, "");
        assert_int_equal(read_text(BEGIN END, NULL), 0);
        assert_int_equal(answer.n, 0);
}

static void texts_have_their_limits(void **state) {
        char *name = xcalloc(2001, 1), *text;

        (void)state;
        memset(name, 'x', 2000);
        text = xasprintf(BEGIN "<d:ProbeMatch><d:Scopes>onvif://www.onvif.org/name/%s "
                               "onvif://www.onvif.org/hardware/%%0aa%%1b%%ff%%zz%%</d:Scopes>"
                               "<d:XAddrs>http://%s/</d:XAddrs></d:ProbeMatch>" END,
                         name, name);
        assert_int_equal(read_text(text, NULL), 0);
        assert_int_equal(strlen(answer.matches[0].name), WS_DISCOVERY_TEXT_MAX - 1);
        assert_int_equal(answer.matches[0].n_urls, 0);
        assert_int_equal(answer.matches[0].n_scopes, 1);
        for (const char *at = answer.matches[0].hardware; *at; at++)
                assert_true((unsigned char)*at >= ' ');
        assert_non_null(strstr(answer.matches[0].hardware, "%zz%"));
        free(text);
        free(name);
}

static void many_scopes_are_cut_off(void **state) {
        char *scopes = xcalloc(400, 6), *text;

        (void)state;
        for (int i = 0; i < 400; i++)
                memcpy(scopes + 5 * (size_t)i, "a://b ", 5);
        for (int i = 0; i < 400; i++)
                scopes[5 * i + 4] = ' ';
        text = xasprintf(BEGIN "<d:ProbeMatch><d:Scopes>%s</d:Scopes></d:ProbeMatch>" END,
                         scopes);
        assert_int_equal(read_text(text, NULL), 0);
        assert_int_equal(answer.matches[0].n_scopes, WS_DISCOVERY_SCOPES_MAX);
        free(text);
        free(scopes);
}

static void what_is_no_answer_is_refused(void **state) {
        static char large[WS_DISCOVERY_BYTES_MAX + 1];
        char *deep = xasprintf("%s", BEGIN);

        (void)state;
        check_refused("", "no element");
        check_refused("HTTP/1.1 200 OK\r\n\r\n", "not well-formed");
        check_refused(BEGIN, "no element");
        check_refused("<a><RelatesTo>urn:uuid:other</RelatesTo><ProbeMatch/></a>",
                      "no answer to our probe");
        check_refused("<a><ProbeMatch/></a>", "no answer to our probe");
        check_refused("<!DOCTYPE a [<!ENTITY b \"bbb\"><!ENTITY c \"&b;&b;\">]><a>&c;</a>",
                      "a document type");
        check_refused("<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>", "a document type");
        for (int i = 0; i < 20; i++) {
                char *before = deep;

                deep = xasprintf("%s<d:x>", before);
                free(before);
        }
        check_refused(deep, "nested too deeply");
        free(deep);
        memset(large, ' ', sizeof(large));
        assert_int_equal(ws_discovery_read(large, sizeof(large), ID, &answer, NULL), -EPROTO);
}

static void a_probe_asks_for_cameras_with_its_id(void **state) {
        char id[WS_DISCOVERY_ID_SIZE], other[WS_DISCOVERY_ID_SIZE];
        char *probe;

        (void)state;
        ws_discovery_id(id);
        ws_discovery_id(other);
        assert_int_equal(strlen(id), WS_DISCOVERY_ID_SIZE - 1);
        assert_string_not_equal(id, other);
        probe = ws_discovery_probe(id);
        assert_non_null(strstr(probe, id));
        assert_non_null(strstr(probe, "NetworkVideoTransmitter"));
        // It is XML, though no answer.
        check_refused(probe, "no answer to our probe");
        free(probe);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_camera_says_what_it_is),
                cmocka_unit_test(an_answer_may_be_of_several),
                cmocka_unit_test(texts_have_their_limits),
                cmocka_unit_test(many_scopes_are_cut_off),
                cmocka_unit_test(what_is_no_answer_is_refused),
                cmocka_unit_test(a_probe_asks_for_cameras_with_its_id),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
