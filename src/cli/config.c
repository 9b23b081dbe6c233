// eavesdrop config: what there is to configure, and what is configured.
#include <stdio.h>
#include <string.h>

#include "cli/cells.h"
#include "cli/cli.h"
#include "cli/cli_options.h"
#include "cli/reach.h"
#include "config/effective.h"
#include "config/schema.h"
#include "util/complaint.h"
#include "util/mem.h"

static const struct option_entry entries[] = {
        {"config", "FILE", "with show: configuration file to show; - is standard input", NULL,
         'c'},
        {"effective", NULL, "with show: what the running server has in force", NULL, 0},
        {"json", NULL, "with show: as JSON, and where values come from that are no defaults",
         NULL, 0},
        REACH_OPTIONS,
        {0},
};

static const struct options_verb verb = {
        .name = "config",
        .operands = "schema | show",
        .about =
                "schema  print the JSON Schema (2020-12) of the configuration file, with which "
                "editors\n"
                "        complete and check it\n"
                "show    print the file (and the environment) as it is understood: defaults "
                "are\n"
                "        filled in, secrets removed, and of a stream only what it has of its "
                "own;\n"
                "        with --effective what the running server has in force\n",
        .entries = entries,
};

static int schema_print(void) {
        CLEANUP(mem_freep) char *schema = config_schema();

        fputs(schema, stdout);
        return EXIT_OK;
}

// {"config", "from"}.
static void shown_print(const json_t *shown, const struct options *options) {
        CLEANUP(mem_freep) char *text = NULL;

        if (options_get(options, "json")) {
                cells_json_print(shown);
                return;
        }
        text = config_effective_text(json_object_get(shown, "config"));
        fputs(text, stdout);
}

static int file_show(const struct cli_options *options) {
        CLEANUP(config_freep) struct config *config = NULL;
        json_t *shown;

        if (cli_options_config(&config, options, options_get(&options->options, "config")) < 0)
                return EXIT_USAGE;
        shown = json_pack("{s:o, s:o}", "config", config_effective(config), "from",
                          config_came_from(config));
        shown_print(shown, &options->options);
        json_decref(shown);
        return EXIT_OK;
}

static int server_show(const struct cli_options *options) {
        CLEANUP(running_freep) struct running *running = NULL;
        struct error error;
        json_t *shown;
        int r;

        if (options_get(&options->options, "config")) {
                complaint_print(verb.name, "--config or --effective, not both");
                return EXIT_USAGE;
        }
        r = reach_server(&running, options);
        if (r >= 0)
                return r;
        if (reach_ask(running, "GET", "/api/v1/config", NULL, &shown, &error) < 0) {
                complaint_print(verb.name, "%s", error.text);
                return EXIT_TROUBLE;
        }
        shown_print(shown, &options->options);
        json_decref(shown);
        return EXIT_OK;
}

int cli_config(int argc, char **argv) {
        struct cli_options options;
        int r = cli_options_parse(&options, &verb, SETTING_READ, argc, argv);
        const char *what;

        if (r >= 0)
                return r;
        what = options.options.n_operands == 1 ? options.options.operands[0] : "";
        if (strcmp(what, "schema") == 0)
                return schema_print();
        if (strcmp(what, "show") != 0) {
                complaint_print_value("config", "expected schema or show, not ",
                                      options.options.n_operands ? options.options.operands[0]
                                                                 : "nothing");
                return EXIT_USAGE;
        }
        return options_get(&options.options, "effective") ? server_show(&options)
                                                          : file_show(&options);
}
