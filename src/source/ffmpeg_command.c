#include "source/ffmpeg_command.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "media/formats.h"
#include "source/source_url.h"
#include "util/mem.h"

// Append arguments; the list ends with NULL.
static __attribute__((sentinel)) void command_append(struct ffmpeg_command *command, ...) {
        const char *argument;
        va_list arguments;
        size_t n = 0;

        while (command->argv[n])
                n++;
        va_start(arguments, command);
        while ((argument = va_arg(arguments, const char *))) {
                assert(n + 1 < FFMPEG_ARGV_MAX);
                command->argv[n++] = argument;
        }
        va_end(arguments);
}

// "level" puts "[error]" and the like before each message: ffmpeg_diagnosis needs it. Threads
// are one of each kind: filters would have one per core otherwise, and on a machine of 64 their
// stacks alone would be all the address space that a child may have.
static void command_begin(struct ffmpeg_command *command, const char *ffmpeg,
                          const char *protocols, const char *formats) {
        *command = (struct ffmpeg_command){0};
        command_append(command, ffmpeg, "-hide_banner", "-nostdin", "-loglevel",
                       "level+warning", "-filter_threads", "1", "-protocol_whitelist",
                       protocols, "-format_whitelist", formats, "-threads", "1", NULL);
}

// ffmpeg writes each frame at once, and G.711 comes in frames of 20 ms. In frames of 64 ms, two
// chunks of the detector, it wakes us a third as often and takes a fifth less time itself; of
// what a reader waits for, 32 ms on average are spent on it.
//
// Time stamps are counted anew at the end: where those of a file go back, as in joined ones,
// ffmpeg would call each frame an error.
#define FRAME_FILTER "asetnsamples=n=1024:p=0,asetpts=N/SR/TB"

#define LIVE_FILTER "aresample=16000," FRAME_FILTER

// Of a file all channels count the same, whatever loudspeakers they are for and however many
// there are (those that there are not count for nothing), and what begins late begins with
// silence. Later gaps stay out (min_hard_comp, in seconds): ffmpeg would also drop sound where
// time stamps go back.
#define ALL_CHANNELS                                                        \
        "c0+c1+c2+c3+c4+c5+c6+c7+c8+c9+c10+c11+c12+c13+c14+c15+c16+c17+c18" \
        "+c19+c20+c21+c22+c23+c24+c25+c26+c27+c28+c29+c30+c31+c32+c33+c34"  \
        "+c35+c36+c37+c38+c39+c40+c41+c42+c43+c44+c45+c46+c47+c48+c49+c50"  \
        "+c51+c52+c53+c54+c55+c56+c57+c58+c59+c60+c61+c62+c63"

#define FILE_FILTER                     \
        "pan=mono|c0<" ALL_CHANNELS "," \
        "aresample=16000:first_pts=0:min_hard_comp=1000000000," FRAME_FILTER

static void command_end(struct ffmpeg_command *command, const char *input, const char *filter,
                        const char *track) {
        command_append(command, "-i", input, "-vn", "-sn", "-dn", NULL);
        if (track && track[0] != '\0') {
                char *end;
                long number = strtol(track, &end, 10);

                command->map = *end == '\0' ? xasprintf("0:a:%ld", number - 1)
                                            : xasprintf("0:a:m:language:%s", track);
                command_append(command, "-map", command->map, NULL);
        }
        command_append(command, "-af", filter, "-ac", "1", "-ar", "16000", "-threads", "1",
                       "-f", "s16le", "pipe:1", NULL);
}

// The URL as a quoted word of ffconcat: a quote is closed, escaped, and opened again.
static char *url_quote(const char *url) {
        static const char escaped[] = "'\\''";
        char *quoted = xcalloc(strlen(url) + 1, sizeof(escaped));
        size_t n = 0;

        quoted[n++] = '\'';
        for (; *url; url++) {
                if (*url == '\'') {
                        memcpy(quoted + n, escaped, sizeof(escaped) - 1);
                        n += sizeof(escaped) - 1;
                } else {
                        quoted[n++] = *url;
                }
        }
        quoted[n] = '\'';
        return quoted;
}

static void network_init(struct ffmpeg_command *command, const char *ffmpeg,
                         const struct media_run_config *config) {
        const struct source_scheme *scheme = source_url_scheme(config->url);
        CLEANUP(mem_freep) char *quoted = url_quote(config->url);
        const char *transport = "";

        if (scheme->is_rtsp)
                transport = config->transport == SOURCE_TRANSPORT_UDP
                                    ? "option rtsp_transport udp\n"
                                    : "option rtsp_transport tcp\n";
        // For the script; what the entry in it may open and be is said there.
        command_begin(command, ffmpeg, "pipe", "concat");
        command->variables = scheme->variables;
        // -safe 0: the entry is a URL. The analysis here is of what the inner demuxer has
        // already analysed.
        command_append(command, "-analyzeduration", "100000", "-f", "concat", "-safe", "0",
                       NULL);
        command_end(command, "pipe:0", LIVE_FILTER, config->track);
        command->script = xasprintf("ffconcat version 1.0\nfile %s\n"
                                    "option protocol_whitelist %s\n"
                                    "option format_whitelist %s\n%s%s",
                                    quoted, scheme->protocols, scheme->formats, transport,
                                    scheme->options);
}

static void file_init(struct ffmpeg_command *command, const char *ffmpeg,
                      const struct media_run_config *config) {
        command_begin(command, ffmpeg, "file", MEDIA_FORMATS_PLAYLISTS);
        if (config->is_paced)
                command_append(command, "-re", NULL);
        if (config->is_looped)
                command_append(command, "-stream_loop", "-1", NULL);
        command->is_killed = true;
        command->input = xasprintf("file:%s", config->path);
        command_end(command, command->input, FILE_FILTER, config->track);
}

// Six hours of sound take a minute or two, the slowest codecs five; media.c gives it bit by
// bit. Beside them live sound goes first.
#define UPLOAD_CPU_LIMIT 1200
#define UPLOAD_NICENESS  10

static void upload_init(struct ffmpeg_command *command, const char *ffmpeg,
                        const struct media_run_config *config) {
        command_begin(command, ffmpeg, "pipe", MEDIA_FORMATS_CONTAINERS);
        command->has_input = config->descriptor == 0;
        command->descriptor = config->descriptor;
        command->cpu_limit = UPLOAD_CPU_LIMIT;
        command->niceness = UPLOAD_NICENESS;
        command->is_killed = true;
        command_end(command, "pipe:0", FILE_FILTER, config->track);
}

// What it begins with has to tell what it is: nothing more is waited for than must be.
#define LIVE_CPU_LIMIT (30 * 24 * 3600 / 20)

static void live_init(struct ffmpeg_command *command, const char *ffmpeg,
                      const struct media_run_config *config) {
        command_begin(command, ffmpeg, "pipe", MEDIA_FORMATS_CONTAINERS);
        command_append(command, "-fflags", "nobuffer", "-formatprobesize", "32768",
                       "-probesize", "131072", "-analyzeduration", "200000", NULL);
        if (config->extension && config->extension[0])
                command_append(command, "-f", config->extension, NULL);
        command->has_input = true;
        command->cpu_limit = LIVE_CPU_LIMIT;
        command->is_killed = true;
        command_end(command, "pipe:0", LIVE_FILTER, config->track);
}

static void descriptor_init(struct ffmpeg_command *command, const char *ffmpeg,
                            const struct media_run_config *config) {
        // Our user's own, like a file: none of an upload's limits.
        command_begin(command, ffmpeg, "pipe", MEDIA_FORMATS_CONTAINERS);
        command->descriptor = config->descriptor;
        command_end(command, "pipe:0", FILE_FILTER, config->track);
}

void ffmpeg_command_init(struct ffmpeg_command *command, const char *ffmpeg,
                         const struct media_run_config *config) {
        switch (config->kind) {
        case MEDIA_RUN_NETWORK:
                network_init(command, ffmpeg, config);
                break;
        case MEDIA_RUN_FILE:
                file_init(command, ffmpeg, config);
                break;
        case MEDIA_RUN_DESCRIPTOR:
                descriptor_init(command, ffmpeg, config);
                break;
        case MEDIA_RUN_UPLOAD:
                upload_init(command, ffmpeg, config);
                break;
        case MEDIA_RUN_LIVE:
                live_init(command, ffmpeg, config);
                break;
        }
}

void ffmpeg_command_deinit(struct ffmpeg_command *command) {
        command->input = mem_free(command->input);
        command->map = mem_free(command->map);
        command->script = mem_free(command->script);
}
