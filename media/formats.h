#pragma once
// Formats: what each kind of source may open, and take its bytes for. The lists are those of
// both ways to read media: of our own children and of the ffmpeg program.
//
// Threads: any; no state.

// Containers of sound, with and without pictures, as libavformat's demuxers are called. None of
// them names other files: no playlists, no scripts. Also none that plays music from a program
// (tracker modules, game sounds), and none that is for pictures and subtitles alone.
#define MEDIA_FORMATS_CONTAINERS                                                     \
        "aac,ac3,aiff,alaw,amr,amrnb,amrwb,ape,asf,au,avi,caf,dhav,dsf,dss,dts,dv,"  \
        "eac3,flac,flv,g722,g723_1,g726,g729,gsm,gxf,loas,matroska,mlp,mov,mp3,mpc," \
        "mpc8,mpeg,mpegts,mulaw,mxf,nistsphere,nut,ogg,oma,qcp,rm,shn,sln,sox,tak,"  \
        "truehd,tta,voc,w64,wav,wtv,wv,xwma"

// And for what may name others: a live or recorded playlist (HLS).
#define MEDIA_FORMATS_PLAYLISTS MEDIA_FORMATS_CONTAINERS ",hls"

// By an address's scheme: protocols, so that a hostile playlist or redirect leads nowhere else,
// and formats, only what such a source really sends.
#define MEDIA_FORMATS_RTSP_PROTOCOLS  "rtsp,rtp,udp,tcp"
#define MEDIA_FORMATS_RTSPS_PROTOCOLS MEDIA_FORMATS_RTSP_PROTOCOLS ",rtsps,srtp,tls"
#define MEDIA_FORMATS_RTSP            "rtsp"
#define MEDIA_FORMATS_HTTP_PROTOCOLS  "http,https,httpproxy,tcp,tls,crypto,data"
#define MEDIA_FORMATS_RTMP_PROTOCOLS  "rtmp,tcp"
#define MEDIA_FORMATS_RTMPS_PROTOCOLS "rtmp,rtmps,tcp,tls"
#define MEDIA_FORMATS_RTMP            "flv,live_flv"
#define MEDIA_FORMATS_SRT_PROTOCOLS   "srt,udp"
#define MEDIA_FORMATS_SRT             "mpegts,matroska,flv,mov,ogg,mp3,aac"

// No protocol at all: what is handed over as a descriptor opens nothing by itself.
#define MEDIA_FORMATS_NO_PROTOCOL "none"

// Of an address's scheme.
struct media_formats_scheme {
        const char *name;       // "rtsp"
        const char *protocols;  // as above
        const char *formats;
        const char *options;  // of the demuxer and its protocol: "name=value:name=value"
};

// NULL: unknown.
const struct media_formats_scheme *media_formats_scheme(const char *url);
