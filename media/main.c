// eavesdrop-media: started by eavesdrop with one end of a socket as its standard input.

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "media/cage.h"
#include "media/child.h"
#include "media/nursery.h"
#include "util/core_dump.h"
#include "util/descriptors.h"
#include "util/mem.h"

static bool has_control(void) {
        int type;
        socklen_t length = sizeof(type);

        return getsockopt(STDIN_FILENO, SOL_SOCKET, SO_TYPE, &type, &length) == 0 &&
               type == SOCK_SEQPACKET;
}

// Children see this environment: nothing in it but what libraries need for names of places,
// languages and zones, and the way out of a network (whose password, if it has one, the nursery
// takes from children that have no network).
static void environment_reduce(void) {
        static const char *const kept[] = {"LANG", "LC_ALL",     "LC_CTYPE",
                                           "TZ",   "http_proxy", "no_proxy"};
        char *values[sizeof(kept) / sizeof(kept[0])];

        // There is one thread. NOLINTBEGIN(concurrency-mt-unsafe)
        for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
                values[i] = xstrdup(getenv(kept[i]));
        // What the program was started with would stay in every child's memory.
        for (char **variable = environ; *variable; variable++)
                explicit_bzero(*variable, strlen(*variable));
        clearenv();
        for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
                if (values[i])
                        setenv(kept[i], values[i], 1);
                free(values[i]);
        }
        // NOLINTEND(concurrency-mt-unsafe)
}

// A codec's tables are made when it is opened for the first time. Made here, they are in memory
// that all children share.
static void codec_warm(const char *name) {
        const AVCodec *codec = avcodec_find_decoder_by_name(name);
        AVCodecContext *context = codec ? avcodec_alloc_context3(codec) : NULL;

        if (!context)
                return;
        context->sample_rate = 48000;
        (void)avcodec_open2(context, codec, NULL);
        avcodec_free_context(&context);
}

static void libraries_warm(void) {
        static const char *const codecs[] = {"aac",  "mp3float", "opus",      "vorbis",
                                             "flac", "ac3",      "alac",      "g722",
                                             "g726", "pcm_alaw", "pcm_mulaw", "pcm_s16le"};

        av_log_set_level(AV_LOG_QUIET);
        avformat_network_init();
        for (size_t i = 0; i < sizeof(codecs) / sizeof(codecs[0]); i++)
                codec_warm(codecs[i]);
}

int main(void) {
        struct media_cage cage;
        struct media_nursery_config config = {.control = STDIN_FILENO,
                                              .cage = &cage,
                                              .children_max = MEDIA_NURSERY_CHILDREN_MAX,
                                              .run = media_child_run};
        struct error error;
        int code;

        core_dump_forbid();
        if (descriptors_open_standard() < 0 || !has_control()) {
                fprintf(stderr, "eavesdrop-media is started by eavesdrop, not by hand\n");
                return 2;
        }
        mem_setup(NULL);
        environment_reduce();
        media_nursery_wipe_json();
        code = media_cage_init(&cage, &error);
        if (code < 0) {
                fprintf(stderr, "%s\n", error.text);
                return EXIT_FAILURE;
        }
        libraries_warm();
        // What children are kept in, for the log.
        fprintf(stderr, "cage: Landlock ABI %d, seccomp %s\n", cage.landlock,
                cage.network.n ? "on" : "missing");
        code = media_nursery_run(&config);
        media_cage_deinit(&cage);
        if (code < 0)
                fprintf(stderr, "nursery: %s\n", strerrordesc_np(-code));
        return code < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
