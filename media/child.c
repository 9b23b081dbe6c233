#include "media/child.h"

#include <errno.h>
#include <inttypes.h>
#include <libavcodec/packet.h>
#include <libavutil/error.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "media/address_judge.h"
#include "media/demuxer.h"
#include "media/descriptor.h"
#include "media/faults.h"
#include "media/joint.h"
#include "media/lane.h"
#include "media/library_log.h"
#include "media/output.h"
#include "media/patience.h"
#include "media/read_ahead.h"
#include "media/tracks.h"
#include "util/mem.h"

// Of several tracks so many are listened to: live for 10 s, of which 2 are kept; a file's first
// minute is kept as a whole.
#define LANES_MAX     8
#define LIVE_LISTENED (10 * MEDIA_SECOND)
#define LIVE_KEPT     (2 * MEDIA_TIMELINE_RATE)
#define FILE_KEPT     (60 * MEDIA_TIMELINE_RATE)

// Patience with a far end that is open and sends nothing, beside its protocol's time-outs.
#define READ_TIMEOUT (30 * MEDIA_SECOND)

// Less than the five seconds after which RTSP gives up, and more than an answer takes.
#define ANSWER_PATIENCE (4 * MEDIA_SECOND)

#define PROGRESS_PERIOD (1 * MEDIA_SECOND)
// So long a playlist may bring no new segment.
#define PLAYLIST_PAUSE (30 * MEDIA_SECOND)

// A file that ends so much before its own account has been cut short.
#define SHORT_SECONDS 1.0
#define SHORT_SHARE   0.02

struct hearing {
        const struct media_request *request;
        struct media_descriptor *descriptor;  // NULL: the network
        struct media_patience patience;
        struct media_faults faults;
        struct media_demuxer demuxer;
        struct media_opened *opened;  // told with the first samples, then NULL
        struct media_lane *lanes[LANES_MAX];
        unsigned n_lanes;
        unsigned first;  // number of the first lane's track
        int chosen;      // lane; -1: not yet
        int64_t begun;
        int64_t listened_since;
        int64_t read_at;  // when the last packet came
        struct media_output output;
        bool has_output;
        double damaged_at;  // seconds; NAN: not
        char damage[MEDIA_WORDS_MAX];
};

static bool is_live(const struct hearing *hearing) {
        return !hearing->demuxer.is_finite;
}

static double seconds_of(int64_t n_samples) {
        return (double)n_samples / MEDIA_TIMELINE_RATE;
}

// --- records --------------------------------------------------------------------

static int words_tell(struct hearing *hearing, enum media_record_type type, const char *words) {
        const struct media_record record = {.type = type, .words = words};

        return media_output_record(&hearing->output, &record);
}

// A playlist's segments, and tracks of which none is chosen: nothing comes, and all is well.
static void progress_tell(void *context) {
        struct hearing *hearing = context;
        const struct media_record record = {.type = MEDIA_PROGRESS};
        int64_t now = media_patience_now();
        bool is_waiting = hearing->chosen < 0 || (hearing->demuxer.is_playlist &&
                                                  now - hearing->read_at < PLAYLIST_PAUSE);

        if (is_live(hearing) && is_waiting && now - hearing->output.written > PROGRESS_PERIOD)
                media_output_record(&hearing->output, &record);
}

// Nothing more has come: what is held goes out. That it could not is told of the next samples
// too.
static void on_idle(void *context) {
        struct hearing *hearing = context;

        (void)media_output_flush(&hearing->output);
}

// What the chosen track is is known for certain when its first samples come.
static int opened_tell(struct hearing *hearing) {
        struct media_record record = {.type = MEDIA_OPENED, .opened = hearing->opened};
        bool is_paced = hearing->request->is_paced ||
                        (hearing->request->kind == MEDIA_NETWORK && hearing->demuxer.is_finite);
        int code;

        for (unsigned i = 0; i < hearing->n_lanes; i++)
                media_lane_describe(hearing->lanes[i],
                                    &hearing->opened->tracks[hearing->first + i]);
        media_output_begin(&hearing->output, is_live(hearing), is_paced);
        code = media_output_record(&hearing->output, &record);
        hearing->opened = mem_free(hearing->opened);
        // A playlist's segments are to be fetched as fast as they come.
        if (!hearing->descriptor && is_live(hearing) && !hearing->demuxer.is_playlist)
                media_read_ahead_begin(on_idle, hearing);
        return code;
}

static int on_samples(void *context, const int16_t *samples, size_t n) {
        struct hearing *hearing = context;
        int code = hearing->opened ? opened_tell(hearing) : 0;

        return code < 0 ? code : media_output_samples(&hearing->output, samples, (int64_t)n);
}

static int gap_tell(struct hearing *hearing, int64_t n) {
        const struct media_record record = {.type = MEDIA_GAP, .seconds = seconds_of(n)};
        int code = media_output_record(&hearing->output, &record);

        return code < 0 ? code : media_output_samples(&hearing->output, NULL, n);
}

static int left_out_tell(struct hearing *hearing, int64_t n) {
        char words[MEDIA_WORDS_MAX];

        snprintf(words, sizeof(words),
                 "a gap of %.1f hours in its time stamps is left out: what follows has earlier "
                 "times",
                 seconds_of(n) / 3600);
        return words_tell(hearing, MEDIA_WARNING, words);
}

static int on_step(void *context, const struct media_step *step) {
        struct hearing *hearing = context;
        const struct media_record jump = {.type = MEDIA_JUMP,
                                          .seconds = seconds_of(step->jump)};
        int code = hearing->opened ? opened_tell(hearing) : 0;

        if (code < 0)
                return code;
        if (step->jump)
                return media_output_record(&hearing->output, &jump);
        if (step->left_out)
                return left_out_tell(hearing, step->left_out);
        return gap_tell(hearing, step->silence);
}

// --- tracks -----------------------------------------------------------------------

static AVStream *track_stream(const struct hearing *hearing, unsigned track) {
        return hearing->demuxer.format->streams[hearing->demuxer.streams[track]];
}

static int lane_add(struct hearing *hearing, unsigned track, int64_t n_kept) {
        const struct media_lane_config config = {
                .n_channels = hearing->request->n_channels,
                .is_live = is_live(hearing),
                .zero = hearing->demuxer.zero,
                .n_kept = n_kept,
                .sink = {on_samples, on_step, hearing},
        };
        const AVStream *stream = track_stream(hearing, track);
        int code = media_lane_new(&hearing->lanes[hearing->n_lanes], stream, &config);

        if (code == AVERROR_DECODER_NOT_FOUND)
                media_faults_set(&hearing->faults, MEDIA_FAULT_FORMAT, "no decoder for %s",
                                 avcodec_get_name(stream->codecpar->codec_id));
        if (code == 0)
                hearing->n_lanes++;
        return code;
}

static void discard_all_but(struct hearing *hearing, unsigned track) {
        for (unsigned i = 0; i < hearing->demuxer.n_tracks; i++)
                if (i != track)
                        track_stream(hearing, i)->discard = AVDISCARD_ALL;
}

static int lanes_listen(struct hearing *hearing) {
        int code = 0;

        hearing->chosen = -1;
        hearing->listened_since = media_patience_now();
        for (unsigned i = 0; i < hearing->demuxer.n_tracks && i < LANES_MAX && code == 0; i++)
                code = lane_add(hearing, i, is_live(hearing) ? LIVE_KEPT : FILE_KEPT);
        return code;
}

static int lanes_open(struct hearing *hearing) {
        struct error error;
        int track;

        media_demuxer_describe(&hearing->demuxer, hearing->opened);
        track = media_tracks_find(hearing->opened, hearing->demuxer.n_tracks,
                                  hearing->request->track, &error);
        if (track == MEDIA_TRACKS_BY_EAR)
                return lanes_listen(hearing);
        if (track < 0) {
                media_faults_set(&hearing->faults, MEDIA_FAULT_NO_AUDIO, "%s", error.text);
                return AVERROR_STREAM_NOT_FOUND;
        }
        hearing->first = (unsigned)track;
        hearing->opened->chosen = (unsigned)track + 1;
        discard_all_but(hearing, hearing->first);
        return lane_add(hearing, hearing->first, 0);
}

// Hand on what is chosen, and listen to no other any more.
static int lane_choose(struct hearing *hearing, unsigned lane, const char *why) {
        int code;

        hearing->chosen = (int)lane;
        hearing->opened->chosen = lane + 1;
        snprintf(hearing->opened->why, sizeof(hearing->opened->why), "%s", why);
        code = media_lane_choose(hearing->lanes[lane]);
        for (unsigned i = 0; i < hearing->n_lanes; i++)
                if (i != lane)
                        hearing->lanes[i] = media_lane_free(hearing->lanes[i]);
        hearing->lanes[0] = hearing->lanes[lane];
        if (lane > 0)
                hearing->lanes[lane] = NULL;
        hearing->n_lanes = 1;
        hearing->first = lane;
        hearing->chosen = 0;
        discard_all_but(hearing, lane);
        return code;
}

static int lane_choose_loudest(struct hearing *hearing, const struct media_track_heard *heard) {
        bool is_silent;
        unsigned lane = (unsigned)media_tracks_loudest(heard, hearing->n_lanes, &is_silent);
        unsigned n = hearing->n_lanes;
        char words[MEDIA_WORDS_MAX];
        int code =
                lane_choose(hearing, lane,
                            is_silent ? "all were silent" : "it was the loudest, none spoke");

        if (code < 0 || !is_silent || hearing->opened)
                return code;
        snprintf(words, sizeof(words),
                 "its %u sound tracks are silent; the first is heard (another: track)", n);
        return words_tell(hearing, MEDIA_WARNING, words);
}

// Several tracks are listened to: is it known now which to hear? At the end it has to be.
static int lanes_judge(struct hearing *hearing, bool is_end) {
        struct media_track_heard heard[LANES_MAX];
        bool is_full = is_end;
        int lane;

        if (hearing->chosen >= 0)
                return 0;
        for (unsigned i = 0; i < hearing->n_lanes; i++) {
                heard[i] = media_lane_heard(hearing->lanes[i]);
                is_full |= media_lane_is_full(hearing->lanes[i]);
        }
        lane = media_tracks_speaking(heard, hearing->n_lanes);
        if (lane >= 0)
                return lane_choose(hearing, (unsigned)lane, "it was the first with speech");
        if (is_live(hearing))
                is_full |= media_patience_now() - hearing->listened_since > LIVE_LISTENED;
        return is_full ? lane_choose_loudest(hearing, heard) : 0;
}

// --- reading ------------------------------------------------------------------------

static void damage_note(struct hearing *hearing, int code) {
        if (!isnan(hearing->damaged_at))
                return;
        hearing->damaged_at = seconds_of(media_output_position(&hearing->output));
        media_faults_judge(&hearing->faults, code, hearing->damage);
}

// What is fed is at fault where the lane says 1. Live sound loses a packet now and then.
static int lane_feed(struct hearing *hearing, struct media_lane *lane, const AVPacket *packet) {
        int bad = 0;
        int code = media_lane_feed(lane, packet, &bad);

        if (code == 1 && !is_live(hearing) &&
            !(packet && media_joint_is_tag(packet->data, (size_t)packet->size)))
                damage_note(hearing, bad);
        return code < 0 ? code : 0;
}

static int packet_take(struct hearing *hearing, const AVPacket *packet) {
        int track = media_demuxer_track(&hearing->demuxer, packet);
        char title[MEDIA_TITLE_MAX];
        int code = 0;

        hearing->read_at = media_patience_now();
        if (!hearing->descriptor && media_demuxer_title(&hearing->demuxer, title))
                code = words_tell(hearing, MEDIA_TITLE, title);
        if (code < 0 || track < (int)hearing->first ||
            track >= (int)(hearing->first + hearing->n_lanes))
                return code;
        code = lane_feed(hearing, hearing->lanes[track - (int)hearing->first], packet);
        if (code == 0)
                code = lanes_judge(hearing, false);
        if (code == 0)
                progress_tell(hearing);
        return code;
}

// Read to the end, or an AVERROR. *ret_written is negative when it was the output that failed.
static int part_read(struct hearing *hearing, int *ret_written) {
        AVPacket *packet = av_packet_alloc();
        int code = packet ? 0 : AVERROR(ENOMEM);

        *ret_written = 0;
        while (code >= 0 && *ret_written >= 0) {
                if (!hearing->descriptor)
                        hearing->patience.deadline = media_patience_now() + READ_TIMEOUT;
                code = av_read_frame(hearing->demuxer.format, packet);
                if (code == AVERROR(EAGAIN))
                        code = 0;
                else if (code >= 0)
                        *ret_written = packet_take(hearing, packet);
                av_packet_unref(packet);
        }
        hearing->patience.deadline = 0;
        av_packet_free(&packet);
        return code == AVERROR_EOF ? 0 : code;
}

static int lanes_flush(struct hearing *hearing, bool is_last) {
        int code = 0;

        for (unsigned i = 0; i < hearing->n_lanes && code == 0; i++)
                code = lane_feed(hearing, hearing->lanes[i], NULL);
        return code == 0 ? lanes_judge(hearing, is_last) : code;
}

// Did the container promise more than it had?
static void length_check(struct hearing *hearing, int64_t begin) {
        double promised = media_demuxer_duration(&hearing->demuxer, hearing->first);
        double heard = seconds_of(media_output_position(&hearing->output) - begin);
        int64_t missing =
                hearing->descriptor ? media_descriptor_missing(hearing->descriptor) : 0;

        if (is_live(hearing) || hearing->chosen < 0 || !isnan(hearing->damaged_at))
                return;
        if (heard < promised - fmax(SHORT_SECONDS, SHORT_SHARE * promised))
                snprintf(hearing->damage, sizeof(hearing->damage),
                         "it ends after %.1f of %.1f s", heard, promised);
        else if (missing > 0)
                snprintf(hearing->damage, sizeof(hearing->damage),
                         "it ends %" PRId64 " bytes before its own account", missing);
        else
                return;
        hearing->damaged_at = seconds_of(media_output_position(&hearing->output));
}

// --- the source -----------------------------------------------------------------------

static int source_open(struct hearing *hearing) {
        int code = media_demuxer_open(&hearing->demuxer, hearing->request, hearing->descriptor,
                                      &hearing->patience, &hearing->faults);

        // What was complained of and did no harm is not to be told when something else does.
        if (code == 0)
                media_faults_init(&hearing->faults);
        return code;
}

// Is there another part, or the same again? One without sound is not asked for twice.
static bool part_is_next(struct hearing *hearing, int64_t begin) {
        if (hearing->descriptor && media_descriptor_next(hearing->descriptor))
                return true;
        if (!hearing->request->is_looped || media_output_position(&hearing->output) == begin)
                return false;
        return !hearing->descriptor || media_descriptor_rewind(hearing->descriptor);
}

// Open it. 0, also where it has less tracks; or an AVERROR.
static int part_open(struct hearing *hearing) {
        int code;

        media_demuxer_close(&hearing->demuxer, &hearing->patience);
        code = source_open(hearing);
        for (unsigned i = 0; i < hearing->n_lanes && code == 0; i++) {
                unsigned track = hearing->first + i;

                if (track < hearing->demuxer.n_tracks)
                        code = media_lane_reopen(hearing->lanes[i],
                                                 track_stream(hearing, track),
                                                 hearing->demuxer.zero);
        }
        if (code == 0 && hearing->chosen >= 0)
                discard_all_but(hearing, hearing->first);
        return code;
}

// All of it, part for part. 0: its end; else an AVERROR. *ret_written as of part_read().
static int source_read(struct hearing *hearing, int *ret_written) {
        for (;;) {
                int64_t begin = media_output_position(&hearing->output);
                int code = part_read(hearing, ret_written);

                if (*ret_written >= 0)
                        *ret_written = lanes_flush(hearing, false);
                if (*ret_written < 0 || code < 0)
                        return code;
                length_check(hearing, begin);
                if (!part_is_next(hearing, begin))
                        return 0;
                code = part_open(hearing);
                if (code < 0)
                        return code;
        }
}

static int end_tell(struct hearing *hearing, enum media_fault fault, const char *words,
                    double seconds) {
        const struct media_record record = {
                .type = MEDIA_END, .fault = fault, .words = words, .seconds = seconds};

        return media_output_record(&hearing->output, &record);
}

static bool is_rtsp(const struct media_request *request) {
        return request->kind == MEDIA_NETWORK && strncasecmp(request->url, "rtsp", 4) == 0;
}

// What went wrong, as people should be told.
static enum media_fault fault_of(const struct hearing *hearing, int code, char *words) {
        enum media_fault fault = media_faults_judge(&hearing->faults, code, words);
        bool is_pipe =
                hearing->descriptor && !media_descriptor_is_seekable(hearing->descriptor);
        bool is_nothing = media_output_position(&hearing->output) == 0;
        char closed[MEDIA_ADDRESS_TEXT_MAX];

        // What the far end refused it refused by itself; all else came of the connection that
        // was not made.
        if (is_nothing && fault != MEDIA_FAULT_CREDENTIALS && fault != MEDIA_FAULT_NOT_FOUND &&
            media_address_judge_closed(closed)) {
                snprintf(words, MEDIA_WORDS_MAX, "%s", closed);
                return MEDIA_FAULT_ADDRESS;
        }
        // An RTSP peer that does not answer is to the library one that talks nonsense.
        if (is_nothing && fault == MEDIA_FAULT_NOT_MEDIA && is_rtsp(hearing->request) &&
            media_patience_now() - hearing->begun >= ANSWER_PATIENCE)
                return MEDIA_FAULT_TIMEOUT;
        // The library knows only that it had no permission, and of a playlist not even that.
        if (is_nothing && media_address_judge_refused() > 0 &&
            (fault == MEDIA_FAULT_PROTOCOL || fault == MEDIA_FAULT_OTHER ||
             fault == MEDIA_FAULT_NOT_MEDIA)) {
                snprintf(words, MEDIA_WORDS_MAX,
                         "an address that is nearer to this machine than its own");
                return MEDIA_FAULT_PROTOCOL;
        }
        // Cut short: what it has was read.
        if (hearing->descriptor && !is_nothing && fault != MEDIA_FAULT_LIMIT)
                return MEDIA_FAULT_DAMAGED;
        if (fault == MEDIA_FAULT_INDEX_LAST && !is_pipe)
                return MEDIA_FAULT_DAMAGED;
        return fault;
}

static int source_end(struct hearing *hearing, int code) {
        char words[MEDIA_WORDS_MAX] = "";
        double seconds = seconds_of(media_output_position(&hearing->output));

        if (code < 0)
                return end_tell(hearing, fault_of(hearing, code, words), words, seconds);
        if (seconds == 0 && !is_live(hearing))
                return end_tell(hearing, MEDIA_FAULT_NO_AUDIO, "it holds no sound", 0);
        if (!isnan(hearing->damaged_at))
                return end_tell(hearing, MEDIA_FAULT_DAMAGED, hearing->damage,
                                hearing->damaged_at);
        return end_tell(hearing, MEDIA_FAULT_NONE, "", seconds);
}

// Radio has no length: what the library takes for a loss is its only way to end.
static bool is_hung_up(const struct hearing *hearing, int code) {
        return code == AVERROR(EIO) && !hearing->descriptor && is_live(hearing) &&
               strstr(hearing->faults.words, "Stream ends prematurely");
}

static int child_run(struct hearing *hearing) {
        int written = 0;
        int code = source_open(hearing);

        if (code == 0) {
                hearing->read_at = media_patience_now();
                hearing->patience.on_wait = progress_tell;
                hearing->patience.context = hearing;
                code = lanes_open(hearing);
                if (code == 0)
                        code = source_read(hearing, &written);
                if (is_hung_up(hearing, code))
                        code = 0;
                if (code == 0 && written >= 0)
                        written = lanes_flush(hearing, true);
        }
        if (media_patience_is_stopped())
                return 0;
        if (written == AVERROR(ERANGE))
                media_faults_set(&hearing->faults, MEDIA_FAULT_LIMIT,
                                 "more than %d channels, or a sample rate that is not between "
                                 "%d and %d Hz",
                                 MEDIA_CHANNELS_MAX, MEDIA_SOUND_RATE_MIN,
                                 MEDIA_SOUND_RATE_MAX);
        if (written == AVERROR(ERANGE) || written == AVERROR(ENOMEM))
                code = written;
        else if (written < 0)
                return written;
        return source_end(hearing, code);
}

int media_child_run(const struct media_request *request, int records, int input) {
        struct hearing *hearing = xnew(struct hearing);
        int code;

        hearing->request = request;
        if (request->is_untrusted)
                media_address_judge_restrict(request->allow);
        hearing->damaged_at = NAN;
        hearing->begun = media_patience_now();
        hearing->opened = xnew(struct media_opened);
        media_faults_init(&hearing->faults);
        media_library_log_set(&hearing->faults);
        media_output_init(&hearing->output, records, request->n_channels);
        if (request->kind == MEDIA_NETWORK)
                media_patience_catch_signal();
        else
                hearing->descriptor = media_descriptor_new(input);
        if (request->kind == MEDIA_LIVE)
                media_descriptor_on_idle(hearing->descriptor, on_idle, hearing);
        code = child_run(hearing);
        media_read_ahead_end();
        for (unsigned i = 0; i < LANES_MAX; i++)
                hearing->lanes[i] = media_lane_free(hearing->lanes[i]);
        media_demuxer_close(&hearing->demuxer, &hearing->patience);
        hearing->descriptor = media_descriptor_free(hearing->descriptor);
        media_output_deinit(&hearing->output);
        media_library_log_set(NULL);
        free(hearing->opened);
        free(hearing);
        return code < 0 ? 1 : 0;
}
