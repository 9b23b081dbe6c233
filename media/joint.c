#include "media/joint.h"

#include <string.h>

// Sizes of streaming writers, which do not know better.
#define LENGTH_MAX 0x7ffff000

bool media_joint_is_head(const uint8_t *bytes, size_t n) {
        if (n < MEDIA_JOINT_HEAD)
                return false;
        return (memcmp(bytes, "RIFF", 4) == 0 && memcmp(bytes + 8, "WAVE", 4) == 0) ||
               (memcmp(bytes, "FORM", 4) == 0 && memcmp(bytes + 8, "AIF", 3) == 0);
}

int64_t media_joint_length(const uint8_t bytes[MEDIA_JOINT_HEAD]) {
        bool is_little = bytes[0] == 'R';
        uint32_t size = 0;

        for (size_t i = 0; i < 4; i++)
                size |= (uint32_t)bytes[4 + i] << (is_little ? 8 * i : 24 - 8 * i);
        if (size < MEDIA_JOINT_HEAD || size >= LENGTH_MAX)
                return -1;
        return 8 + (int64_t)size + (size & 1);  // chunks are padded to even lengths
}

bool media_joint_is_tag(const uint8_t *bytes, size_t n) {
        static const char *const magics[] = {
                "ID3",      "TAG",      "APETAGEX", "LYRICSBEGIN", "RIFF",
                "OggS",     "fLaC",     "\177FLAC", "OpusHead",    "OpusTags",
                "\1vorbis", "\3vorbis", "\5vorbis", "Speex   ",
        };

        for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++)
                if (n >= strlen(magics[i]) && memcmp(bytes, magics[i], strlen(magics[i])) == 0)
                        return true;
        return false;
}
