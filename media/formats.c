#include "media/formats.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

// Times are in microseconds: silence on the wire for 5 s (RTSP, where sound never pauses) or
// 10 s (HTTP, where segments come in steps) is a dead peer.
#define RTSP_OPTIONS "allowed_media_types=audio:timeout=5000000:analyzeduration=100000"
#define HTTP_OPTIONS "rw_timeout=10000000:analyzeduration=2000000"
#define SRT_OPTIONS  "timeout=5000000:analyzeduration=1000000"
// Live, and without a list of its tracks: so long they are waited for.
#define RTMP_OPTIONS "rw_timeout=10000000:analyzeduration=500000"

static const struct media_formats_scheme schemes[] = {
        {"rtsp", MEDIA_FORMATS_RTSP_PROTOCOLS, MEDIA_FORMATS_RTSP, RTSP_OPTIONS},
        {"rtsps", MEDIA_FORMATS_RTSPS_PROTOCOLS, MEDIA_FORMATS_RTSP, RTSP_OPTIONS},
        {"http", MEDIA_FORMATS_HTTP_PROTOCOLS, MEDIA_FORMATS_PLAYLISTS, HTTP_OPTIONS},
        {"https", MEDIA_FORMATS_HTTP_PROTOCOLS, MEDIA_FORMATS_PLAYLISTS, HTTP_OPTIONS},
        {"rtmp", MEDIA_FORMATS_RTMP_PROTOCOLS, MEDIA_FORMATS_RTMP, RTMP_OPTIONS},
        {"rtmps", MEDIA_FORMATS_RTMPS_PROTOCOLS, MEDIA_FORMATS_RTMP, RTMP_OPTIONS},
        {"srt", MEDIA_FORMATS_SRT_PROTOCOLS, MEDIA_FORMATS_SRT, SRT_OPTIONS},
};

const struct media_formats_scheme *media_formats_scheme(const char *url) {
        for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
                size_t n = strlen(schemes[i].name);

                if (strncasecmp(url, schemes[i].name, n) == 0 &&
                    strncmp(url + n, "://", 3) == 0)
                        return &schemes[i];
        }
        return NULL;
}
