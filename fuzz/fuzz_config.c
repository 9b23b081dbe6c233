// The configuration file: any bytes give a configuration or at least one mistake, each with a
// place, and never both.
#include <stdbool.h>
#include <stdlib.h>

#include "config/config.h"
#include "fuzz.h"
#include "util/mem.h"

static void require(bool is_true) {
        if (!is_true)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
        CLEANUP(config_freep) struct config *config = NULL;
        struct config_mistakes mistakes;
        int r = config_parse(&config, (const char *)bytes, n, &mistakes);

        require((r == 0) == (config != NULL));
        require((r == 0) == (mistakes.n == 0));
        require(mistakes.n <= CONFIG_MISTAKES_MAX + 1);
        for (size_t i = 0; i < mistakes.n; i++) {
                CLEANUP(mem_freep)
                char *line = config_mistake_format(&mistakes.items[i], "fuzz.yaml");

                require(mistakes.items[i].line > 0 && mistakes.items[i].column > 0);
                require(line[0] != '\0');
        }
        for (size_t i = 0; config && i < config->n_streams; i++) {
                require(config->streams[i].name[0] != '\0');
                require(config->streams[i].url != NULL);
        }
        config_mistakes_deinit(&mistakes);
        return 0;
}
