// eavesdrop config: what there is to configure, for programs that want to know.
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "config/schema.h"
#include "util/complaint.h"
#include "util/mem.h"
#include "util/options.h"

static const struct option_entry entries[] = {{0}};

static const struct options_verb verb = {
        .name = "config",
        .operands = "schema",
        .about =
                "schema  print the JSON Schema (2020-12) of the configuration file, with which "
                "editors\n"
                "        complete and check it\n",
        .entries = entries,
};

int cli_config(int argc, char **argv) {
        CLEANUP(mem_freep) char *schema = NULL;
        struct options options;
        int r = options_parse(&options, &verb, argc, argv);

        if (r >= 0)
                return r;
        if (options.n_operands != 1 || strcmp(options.operands[0], "schema") != 0) {
                complaint_print_value("config", "expected schema, not ",
                                      options.n_operands ? options.operands[0] : "nothing");
                return EXIT_USAGE;
        }
        schema = config_schema();
        fputs(schema, stdout);
        return EXIT_OK;
}
