#include "util/descriptors.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int descriptors_open_standard(void) {
        int descriptor;

        // A new descriptor has the lowest free number, and it stays open when we start
        // ourselves again (execv). Read-only for all three: see the header.
        do {
                descriptor = open("/dev/null", O_RDONLY);  // NOLINT(android-cloexec-open)
                if (descriptor < 0)
                        return -errno;
        } while (descriptor <= STDERR_FILENO);
        close(descriptor);
        return 0;
}
