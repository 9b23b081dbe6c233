// Twilio: any text as a message.

#include <stdlib.h>

#include "dialect/twilio/messages.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
        struct twilio_message message;
        struct error error = {0};

        if (twilio_message_parse(&message, (const char *)bytes, n, &error) != 0) {
                if (!error.text[0])
                        abort();
                return 0;
        }
        if (message.event == TWILIO_MEDIA && (!message.media.bytes || message.media.n > n))
                abort();
        if (message.event == TWILIO_START && message.start.rate == 0)
                abort();
        twilio_message_deinit(&message);
        return 0;
}
