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

#define RTSP_PROTOCOLS "rtsp,rtp,udp,tcp"
#define HTTP_PROTOCOLS "http,https,httpproxy,tcp,tls,crypto,data"
#define SRT_FORMATS    "mpegts,matroska,flv,mov,ogg,mp3,aac"

// A web server's may name others: a live or recorded playlist (HLS).
#define HTTP_FORMATS MEDIA_FORMATS_CONTAINERS ",hls"

static const struct media_formats_scheme schemes[] = {
        {"rtsp", RTSP_PROTOCOLS, "rtsp", RTSP_OPTIONS},
        {"rtsps", RTSP_PROTOCOLS ",rtsps,srtp,tls", "rtsp", RTSP_OPTIONS},
        {"http", HTTP_PROTOCOLS, HTTP_FORMATS, HTTP_OPTIONS},
        {"https", HTTP_PROTOCOLS, HTTP_FORMATS, HTTP_OPTIONS},
        {"rtmp", "rtmp,tcp", "flv,live_flv", RTMP_OPTIONS},
        {"rtmps", "rtmp,rtmps,tcp,tls", "flv,live_flv", RTMP_OPTIONS},
        {"srt", "srt,udp", SRT_FORMATS, SRT_OPTIONS},
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
