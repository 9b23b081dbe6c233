#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "util/core_dump.h"
#include "util/descriptors.h"
#include "util/log.h"
#include "util/mem.h"

int main(int argc, char **argv) {
        int r;

        core_dump_forbid();
        r = descriptors_open_standard();
        if (r < 0) {
                fprintf(stderr, "eavesdrop: cannot open /dev/null: %s\n", strerrordesc_np(-r));
                return EXIT_TROUBLE;
        }
        mem_setup(log_last_words);
        return cli_main(argc, argv);
}
