// WhisperLive, the client's side: any text as what a server says to eavesdrop-bench.

#include <stdlib.h>

#include "fuzz.h"
#include "load/whisperlive_client.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
        struct whisperlive_message message;
        struct error error = {0};

        if (whisperlive_message_parse(&message, (const char *)bytes, n, &error) == 0)
                whisperlive_message_deinit(&message);
        else if (!error.text[0])
                abort();
        return 0;
}
