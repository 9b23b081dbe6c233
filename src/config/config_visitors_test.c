// Who may come: origins and hosts as lists, single values and variables.
#include "config/config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "config/config_rig.h"
#include "util/mem.h"

static void lists_and_single_values_are_read(void **state) {
        (void)state;
        CLEANUP(config_freep)
        struct config *lists = rig_parse_config("origins:\n"
                                                "  - https://dash.example\n"
                                                "  - http://localhost:3000\n"
                                                "hosts: [cam.example, cams.lan]\n");
        CLEANUP(config_freep)
        struct config *singles = rig_parse_config("origins: chrome-extension://abc\n"
                                                  "hosts: cam.example\n");
        CLEANUP(config_freep) struct config *none = rig_parse_config("hosts: []\n");

        assert_string_equal(lists->origins, "https://dash.example http://localhost:3000");
        assert_string_equal(lists->hosts, "cam.example cams.lan");
        assert_string_equal(singles->origins, "chrome-extension://abc");
        assert_string_equal(singles->hosts, "cam.example");
        assert_null(none->origins);
        assert_null(none->hosts);
}

static void calls_have_streams(void **state) {
        CLEANUP(config_freep)
        struct config *config = rig_parse_config(
                "listeners: {audiosocket: 127.0.0.1:9092}\n"
                "audiosocket:\n  calls: ['*', 40325EC2-5efd-4bd3-805f-53576e581d13=desk]\n");
        CLEANUP(config_freep) struct config *none = rig_parse_config("hosts: []\n");

        (void)state;
        assert_string_equal(config->calls, "* 40325EC2-5efd-4bd3-805f-53576e581d13=desk");
        assert_string_equal(config_listener(config, "audiosocket"), "127.0.0.1:9092");
        assert_null(config_listener(config, "twilio"));
        assert_string_equal(none->calls, "*");
        assert_null(config_listener(none, "audiosocket"));
}

static void what_is_none_is_refused_where_it_stands(void **state) {
        static const struct {
                const char *text, *told;
        } cases[] = {
                {"origins: [https://a.example, 'null']\n",
                 "bad.yaml:1:30: origins: \"null\" is not a page's origin such as "
                 "https://dash.example or http://localhost:3000\n"},
                {"origins: https://a.example/path\n",
                 "bad.yaml:1:10: origins: \"https://a.example/path\" is not a page's origin "
                 "such as https://dash.example or http://localhost:3000\n"},
                {"origins: '*'\n",
                 "bad.yaml:1:10: origins: \"*\" is not a page's origin such as "
                 "https://dash.example or http://localhost:3000\n"},
                {"hosts:\n  - cam.example\n  - cam.example:9090\n",
                 "bad.yaml:3:5: hosts: \"cam.example:9090\" is not a name of this server "
                 "such as cameras.example, without a port\n"},
#define CALL_EXPECTED                                                                       \
        " is not UUID=STREAM such as 40325ec2-5efd-4bd3-805f-53576e581d13=reception, or * " \
        "for any call\n"
                {"audiosocket: {calls: reception}\n",
                 "bad.yaml:1:22: audiosocket.calls: \"reception\"" CALL_EXPECTED},
                {"audiosocket: {calls: 40325ec2-5efd-4bd3-805f-53576e581d13=}\n",
                 "bad.yaml:1:22: audiosocket.calls: "
                 "\"40325ec2-5efd-4bd3-805f-53576e581d13=\"" CALL_EXPECTED},
                {"audiosocket: {calls: 40325ec2-5efd-4bd3-805f-53576e581d1g=a}\n",
                 "bad.yaml:1:22: audiosocket.calls: "
                 "\"40325ec2-5efd-4bd3-805f-53576e581d1g=a\"" CALL_EXPECTED},
                {"audiosocket: {calls: 40325ec2-5efd-4bd3-805f-53576e581d13=a/b}\n",
                 "bad.yaml:1:22: audiosocket.calls: "
                 "\"40325ec2-5efd-4bd3-805f-53576e581d13=a/b\"" CALL_EXPECTED},
                {"listeners: {audiosocket: 9092}\n",
                 "bad.yaml:1:26: listeners.audiosocket: \"9092\" is not HOST:PORT such as "
                 "127.0.0.1:9092 or :9092\n"},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                rig_expect_refused(cases[i].text, cases[i].told);
}

static void variables_go_before_the_file(void **state) {
        struct config_mistakes mistakes;
        struct config *config;

        (void)state;
        rig_set_variable("EAVESDROP_ORIGINS", "https://a.example, https://b.example");
        rig_set_variable("EAVESDROP_HOSTS", "a.example b.example");
        assert_int_equal(config_load(&config, NULL, &mistakes), 0);
        assert_string_equal(config->origins, "https://a.example https://b.example");
        assert_string_equal(config->hosts, "a.example b.example");
        config_free(config);
        rig_set_variable("EAVESDROP_HOSTS", "a.example http://b.example");
        assert_int_equal(config_load(&config, NULL, &mistakes), -EINVAL);
        config_mistakes_deinit(&mistakes);
        rig_set_variable("EAVESDROP_ORIGINS", NULL);
        rig_set_variable("EAVESDROP_HOSTS", NULL);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(lists_and_single_values_are_read),
                cmocka_unit_test(calls_have_streams),
                cmocka_unit_test(what_is_none_is_refused_where_it_stands),
                cmocka_unit_test(variables_go_before_the_file),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
