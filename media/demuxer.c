#include "media/demuxer.h"

#include <errno.h>
#include <libavcodec/avcodec.h>
#include <libavutil/dict.h>
#include <libavutil/mathematics.h>
#include <libavutil/opt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "media/formats.h"
#include "media/joint.h"
#include "media/timeline.h"

// Bytes that a file may take before it is open: some have their index, fonts and pictures
// first.
#define HEADER_MAX (256ULL << 20)

#define STREAMS_MAX "100"

// Of live sound so many bytes may come before it is known what it is, and so many us of it
// before what it is like; it is handed on in small pieces.
#define LIVE_OPTIONS \
        "formatprobesize=32768:probesize=131072:analyzeduration=200000:max_size=1024"

// Patience with a far end, beside the time-outs of its protocol; and for saying goodbye to it.
#define OPEN_TIMEOUT  (30 * MEDIA_SECOND)
#define CLOSE_TIMEOUT (1 * MEDIA_SECOND)

// --- options --------------------------------------------------------------------

static void options_common(AVDictionary **options, const char *protocols, const char *formats) {
        av_dict_set(options, "protocol_whitelist", protocols, 0);
        av_dict_set(options, "format_whitelist", formats, 0);
        av_dict_set(options, "max_streams", STREAMS_MAX, 0);
}

static int options_network(AVDictionary **options, const struct media_request *request,
                           struct media_faults *faults) {
        const struct media_formats_scheme *scheme = media_formats_scheme(request->url);

        if (!scheme) {
                media_faults_set(faults, MEDIA_FAULT_PROTOCOL, "unknown scheme");
                return AVERROR_PROTOCOL_NOT_FOUND;
        }
        options_common(options, scheme->protocols, scheme->formats);
        if (strcmp(scheme->formats, "rtsp") == 0)
                av_dict_set(options, "rtsp_transport",
                            request->transport == MEDIA_UDP ? "udp" : "tcp", 0);
        return av_dict_parse_string(options, scheme->options, "=", ":", 0);
}

// --- streams ----------------------------------------------------------------------

static bool is_named(const AVFormatContext *format, const char *name) {
        return strncmp(format->iformat->name, name, strlen(name)) == 0;
}

static bool is_sound(const AVStream *stream) {
        return stream->codecpar->codec_type == AVMEDIA_TYPE_AUDIO;
}

// Pictures, subtitles and data are not even taken apart.
static void streams_discard(AVFormatContext *format) {
        for (unsigned i = 0; i < format->nb_streams; i++)
                if (!is_sound(format->streams[i]))
                        format->streams[i]->discard = AVDISCARD_ALL;
}

// Is all known of the sound that its decoders need?
static bool streams_are_known(const AVFormatContext *format) {
        bool has_sound = false;

        for (unsigned i = 0; i < format->nb_streams; i++) {
                const AVCodecParameters *parameters = format->streams[i]->codecpar;

                if (!is_sound(format->streams[i]))
                        continue;
                has_sound = true;
                if (parameters->codec_id == AV_CODEC_ID_NONE || parameters->sample_rate <= 0 ||
                    parameters->ch_layout.nb_channels <= 0)
                        return false;
        }
        return has_sound;
}

// Looking into the sound (and pictures) before any is handed on costs time, memory and, live,
// delay: a camera's answer and the headers of films tell all that is needed. Of what a client
// sends while it is spoken the header has to do where it can.
static bool is_probing_needed(const AVFormatContext *format, bool is_live) {
        bool has_header = is_named(format, "rtsp") || is_named(format, "mov") ||
                          is_named(format, "matroska");

        return !(has_header || is_live) || !streams_are_known(format);
}

static bool program_holds(const AVFormatContext *format, const AVProgram *program,
                          enum AVMediaType type) {
        for (unsigned i = 0; i < program->nb_stream_indexes; i++)
                if (format->streams[program->stream_index[i]]->codecpar->codec_type == type)
                        return true;
        return false;
}

static long program_rate(const AVProgram *program) {
        const AVDictionaryEntry *rate =
                av_dict_get(program->metadata, "variant_bitrate", NULL, 0);

        return rate ? strtol(rate->value, NULL, 10) : 0;
}

// Without pictures even the best costs little; with them, most of the price is for what nobody
// looks at.
static bool program_is_better(const AVFormatContext *format, const AVProgram *program,
                              const AVProgram *other) {
        bool has_pictures = program_holds(format, program, AVMEDIA_TYPE_VIDEO);

        if (has_pictures != program_holds(format, other, AVMEDIA_TYPE_VIDEO))
                return !has_pictures;
        return has_pictures ? program_rate(program) < program_rate(other)
                            : program_rate(program) > program_rate(other);
}

// Of a playlist with several qualities of the same sound one is fetched. NULL: all tracks are
// of use.
static const AVProgram *program_best(const AVFormatContext *format) {
        const AVProgram *best = NULL;

        if (!is_named(format, "hls") || format->nb_programs < 2)
                return NULL;
        for (unsigned i = 0; i < format->nb_programs; i++) {
                const AVProgram *program = format->programs[i];

                if (program_holds(format, program, AVMEDIA_TYPE_AUDIO) &&
                    (!best || program_is_better(format, program, best)))
                        best = program;
        }
        return best;
}

static bool program_has(const AVProgram *program, unsigned stream) {
        for (unsigned i = 0; i < program->nb_stream_indexes; i++)
                if (program->stream_index[i] == stream)
                        return true;
        return false;
}

static void tracks_list(struct media_demuxer *demuxer) {
        AVFormatContext *format = demuxer->format;
        const AVProgram *program = program_best(format);

        streams_discard(format);
        for (unsigned i = 0; i < format->nb_streams; i++) {
                AVStream *stream = format->streams[i];

                if (!is_sound(stream))
                        continue;
                if (demuxer->n_tracks == MEDIA_TRACKS_MAX ||
                    (program && !program_has(program, i)))
                        stream->discard = AVDISCARD_ALL;
                else
                        demuxer->streams[demuxer->n_tracks++] = (int)i;
        }
}

// --- clock and end ------------------------------------------------------------------

// Films and what is made like them begin at 0, whenever their sound does; elsewhere stamps
// begin anywhere, and the earliest of all tracks is the begin.
static int64_t zero_find(const AVFormatContext *format) {
        const AVRational ours = {1, MEDIA_TIMELINE_RATE};

        if (is_named(format, "mov") || is_named(format, "matroska"))
                return 0;
        if (format->start_time == AV_NOPTS_VALUE)
                return MEDIA_TIMELINE_NONE;
        return av_rescale_q(format->start_time, AV_TIME_BASE_Q, ours);
}

// Of the network: does it say how long it is? Radio does not; cameras are live even where they
// do.
static bool is_finite_source(const AVFormatContext *format, const char *url) {
        if (strncasecmp(url, "http", 4) != 0)
                return false;
        if (format->duration > 0)
                return true;
        return !is_named(format, "hls") && format->pb && avio_size(format->pb) > 0;
}

// --- opening ----------------------------------------------------------------------

// NOLINTNEXTLINE(readability-function-size): what avformat_open_input() takes, and our own two
static int format_open(AVFormatContext **ret, const char *name, AVDictionary **options,
                       AVIOContext *io, const AVInputFormat *known, bool is_live,
                       struct media_patience *patience) {
        AVFormatContext *format = avformat_alloc_context();
        int code;

        if (!format)
                return AVERROR(ENOMEM);
        format->interrupt_callback = (AVIOInterruptCB){media_patience_is_over, patience};
        format->pb = io;
        code = avformat_open_input(&format, name, known, options);
        if (code < 0)
                return code;
        streams_discard(format);
        if (is_probing_needed(format, is_live))
                code = avformat_find_stream_info(format, NULL);
        if (code < 0)
                avformat_close_input(&format);
        else
                *ret = format;
        return code < 0 ? code : 0;
}

static int network_open(struct media_demuxer *demuxer, const struct media_request *request,
                        struct media_patience *patience, struct media_faults *faults) {
        AVDictionary *options = NULL;
        int code = options_network(&options, request, faults);

        patience->deadline = media_patience_now() + OPEN_TIMEOUT;
        if (code >= 0)
                code = format_open(&demuxer->format, request->url, &options, NULL, NULL, false,
                                   patience);
        patience->deadline = 0;
        av_dict_free(&options);
        // A redirection to another protocol is refused without a word.
        if (code == AVERROR(EINVAL) && faults->fault == MEDIA_FAULT_NONE)
                media_faults_set(faults, MEDIA_FAULT_PROTOCOL,
                                 "a redirection to another protocol");
        return code;
}

// Most containers are known by their first bytes, for more of which live sound would have to be
// waited for. NULL: this one is not.
static const AVInputFormat *format_known(const struct media_descriptor *descriptor) {
        uint8_t head[MEDIA_JOINT_HEAD + AVPROBE_PADDING_SIZE] = {0};
        AVProbeData data = {.filename = "", .buf = head};
        const AVInputFormat *format;
        const uint8_t *bytes;
        int score = 0;

        data.buf_size = (int)media_descriptor_head(descriptor, &bytes);
        memcpy(head, bytes, (size_t)data.buf_size);
        format = av_probe_input_format3(&data, 1, &score);
        return score >= AVPROBE_SCORE_MAX - 1 ? format : NULL;
}

static int input_open(struct media_demuxer *demuxer, const struct media_request *request,
                      struct media_descriptor *descriptor, struct media_patience *patience,
                      struct media_faults *faults) {
        AVDictionary *options = NULL;
        AVIOContext *io = media_descriptor_open(descriptor);
        bool is_live = request->kind == MEDIA_LIVE;
        const AVInputFormat *known = is_live ? format_known(descriptor) : NULL;
        char name[sizeof("input.") + MEDIA_EXTENSION_MAX];
        int code;

        if (!io)
                return AVERROR(ENOMEM);
        // Some formats are known by their files' names alone.
        snprintf(name, sizeof(name), "input.%s", request->extension);
        options_common(&options, MEDIA_FORMATS_NO_PROTOCOL, MEDIA_FORMATS_CONTAINERS);
        if (is_live)
                (void)av_dict_parse_string(&options, LIVE_OPTIONS, "=", ":", 0);
        media_descriptor_limit(descriptor, HEADER_MAX);
        code = format_open(&demuxer->format, name, &options, io, known, is_live, patience);
        if (code < 0 && media_descriptor_is_beyond(descriptor))
                media_faults_set(faults, MEDIA_FAULT_LIMIT, "no sound in its first %llu MiB",
                                 HEADER_MAX >> 20);
        media_descriptor_limit(descriptor, 0);
        av_dict_free(&options);
        return code;
}

int media_demuxer_open(struct media_demuxer *ret, const struct media_request *request,
                       struct media_descriptor *descriptor, struct media_patience *patience,
                       struct media_faults *faults) {
        int code;

        *ret = (struct media_demuxer){0};
        if (descriptor)
                code = input_open(ret, request, descriptor, patience, faults);
        else
                code = network_open(ret, request, patience, faults);
        if (code < 0)
                return code;
        tracks_list(ret);
        if (ret->n_tracks == 0) {
                media_faults_set(faults, MEDIA_FAULT_NO_AUDIO, "no sound track");
                media_demuxer_close(ret, patience);
                return AVERROR_STREAM_NOT_FOUND;
        }
        ret->is_playlist = is_named(ret->format, "hls");
        if (descriptor)
                ret->is_finite = request->kind != MEDIA_LIVE;
        else
                ret->is_finite = is_finite_source(ret->format, request->url);
        ret->zero = ret->is_finite ? zero_find(ret->format) : MEDIA_TIMELINE_NONE;
        return 0;
}

void media_demuxer_close(struct media_demuxer *demuxer, struct media_patience *patience) {
        patience->is_leaving = true;
        patience->deadline = media_patience_now() + CLOSE_TIMEOUT;
        avformat_close_input(&demuxer->format);
        patience->is_leaving = false;
        patience->deadline = 0;
}

// --- what it says -------------------------------------------------------------------

int media_demuxer_track(const struct media_demuxer *demuxer, const AVPacket *packet) {
        for (unsigned i = 0; i < demuxer->n_tracks; i++)
                if (demuxer->streams[i] == packet->stream_index)
                        return (int)i;
        return -1;
}

static const char *metadata_value(const AVDictionary *metadata, const char *key) {
        const AVDictionaryEntry *entry = av_dict_get(metadata, key, NULL, 0);

        return entry ? entry->value : "";
}

static void track_describe(const AVStream *stream, struct media_track *ret) {
        const AVCodecParameters *parameters = stream->codecpar;

        *ret = (struct media_track){
                .rate = (unsigned)FFMAX(parameters->sample_rate, 0),
                .channels = (unsigned)FFMAX(parameters->ch_layout.nb_channels, 0),
                .level = NAN};
        snprintf(ret->codec, sizeof(ret->codec), "%s", avcodec_get_name(parameters->codec_id));
        snprintf(ret->language, sizeof(ret->language), "%s",
                 metadata_value(stream->metadata, "language"));
        snprintf(ret->title, sizeof(ret->title), "%s",
                 metadata_value(stream->metadata, "title"));
}

void media_demuxer_describe(const struct media_demuxer *demuxer, struct media_opened *ret) {
        const AVFormatContext *format = demuxer->format;

        *ret = (struct media_opened){.is_finite = demuxer->is_finite,
                                     .duration = NAN,
                                     .n_tracks = demuxer->n_tracks};
        snprintf(ret->container, sizeof(ret->container), "%.*s",
                 (int)strcspn(format->iformat->name, ","), format->iformat->name);
        if (demuxer->is_finite && format->duration > 0)
                ret->duration = (double)format->duration / AV_TIME_BASE;
        for (unsigned i = 0; i < demuxer->n_tracks; i++)
                track_describe(format->streams[demuxer->streams[i]], &ret->tracks[i]);
}

static bool title_write(const AVDictionary *metadata, char ret[MEDIA_TITLE_MAX]) {
        const char *artist = metadata_value(metadata, "artist");
        const char *title = metadata_value(metadata, "StreamTitle");  // of ICY

        if (*title)
                artist = "";
        else
                title = metadata_value(metadata, "title");
        snprintf(ret, MEDIA_TITLE_MAX, "%s%s%s", artist, *artist && *title ? " - " : "", title);
        return ret[0] != '\0';
}

bool media_demuxer_title(struct media_demuxer *demuxer, char ret[MEDIA_TITLE_MAX]) {
        AVFormatContext *format = demuxer->format;
        bool is_new = false;

        if (format->event_flags & AVFMT_EVENT_FLAG_METADATA_UPDATED) {
                format->event_flags &= ~AVFMT_EVENT_FLAG_METADATA_UPDATED;
                is_new = title_write(format->metadata, ret);
        }
        for (unsigned i = 0; i < demuxer->n_tracks; i++) {
                AVStream *stream = format->streams[demuxer->streams[i]];

                if (!(stream->event_flags & AVSTREAM_EVENT_FLAG_METADATA_UPDATED))
                        continue;
                stream->event_flags &= ~AVSTREAM_EVENT_FLAG_METADATA_UPDATED;
                is_new |= title_write(stream->metadata, ret);
        }
        return is_new;
}

double media_demuxer_duration(const struct media_demuxer *demuxer, unsigned track) {
        static const char *const reliable[] = {"wav", "w64", "aiff", "flac", "caf", "au",
                                               "mov", "mp3", "ape",  "tta",  "wv",  "tak"};
        const AVFormatContext *format = demuxer->format;
        const AVStream *stream = format->streams[demuxer->streams[track]];
        double seconds = (double)stream->duration * av_q2d(stream->time_base);
        double bytes = seconds * stream->codecpar->sample_rate *
                       FFMAX(stream->codecpar->block_align, 1);

        // By its bit rate and the number of bytes that are there: no account of its own.
        if (stream->duration == AV_NOPTS_VALUE || stream->duration <= 0 ||
            format->duration_estimation_method == AVFMT_DURATION_FROM_BITRATE)
                return NAN;
        // Written to a pipe: the size was not known.
        if (bytes >= 0x7ffff000)
                return NAN;
        for (size_t i = 0; i < sizeof(reliable) / sizeof(reliable[0]); i++)
                if (is_named(format, reliable[i]))
                        return seconds;
        return NAN;
}
