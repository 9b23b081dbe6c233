#include "cli/cli.h"
#include "util/mem.h"

int main(int argc, char **argv) {
        mem_setup();
        return cli_main(argc, argv);
}
