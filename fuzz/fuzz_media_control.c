// Media control: a packet between server and nursery. What is read can be sent on, and is the
// same then.

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "media/control.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
        static struct media_control control, again;
        static char packet[MEDIA_CONTROL_MAX], packet_again[MEDIA_CONTROL_MAX];
        struct error error;
        int length, length_again;

        if (media_control_decode((const char *)bytes, n, &control, &error) < 0)
                return 0;
        length = media_control_encode(&control, packet);
        if (length < 0 || media_control_decode(packet, (size_t)length, &again, &error) < 0)
                abort();
        length_again = media_control_encode(&again, packet_again);
        if (length != length_again || memcmp(packet, packet_again, (size_t)length) != 0)
                abort();
        return 0;
}
