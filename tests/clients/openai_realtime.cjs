// The stock openai client for Node, unmodified: realtime transcription. It says wss always; a connection of our making
// goes in the clear. `openai_realtime.cjs BASE KEY RECORDING` prints each event until all of it is text.
const net = require("net");
const { execFileSync } = require("child_process");
const OpenAI = require("openai").default;
const { OpenAIRealtimeWS } = require("openai/realtime/ws");

const [base, key, path] = process.argv.slice(2);
const sound = execFileSync("ffmpeg", ["-v", "error", "-nostdin", "-i", path, "-f", "s16le", "-ac", "1", "-ar", "24000", "-"], {
  maxBuffer: 1 << 28,
});
const client = new OpenAI({ apiKey: key, baseURL: base, maxRetries: 0 });
const socket = new OpenAIRealtimeWS(
  {
    model: "gpt-4o-transcribe",
    options: { createConnection: (options) => net.connect({ host: options.host, port: options.port }) },
  },
  client,
);
const committed = new Set();
const completed = new Set();
let updates = 0;

socket.on("event", (event) => {
  console.log(JSON.stringify(event));
  if (event.type === "session.created") speak();
  if (event.type === "input_audio_buffer.committed") committed.add(event.item_id);
  if (event.type.endsWith("transcription.completed")) completed.add(event.item_id);
  if (event.type === "session.updated") updates++;
  // The second answers what was sent behind the sound: all of that is committed by then.
  if (updates === 2 && committed.size === completed.size) socket.close();
});
socket.on("error", (error) => {
  console.log(JSON.stringify({ type: "raised", message: String(error) }));
  process.exitCode = 1;
});

function update() {
  socket.send({
    type: "session.update",
    session: {
      type: "transcription",
      audio: { input: { transcription: { model: "whisper-1", language: "en" }, turn_detection: { type: "semantic_vad", eagerness: "high" } } },
    },
  });
}

function speak() {
  update();
  for (let at = 0; at < sound.length; at += 24000)
    socket.send({ type: "input_audio_buffer.append", audio: sound.subarray(at, at + 24000).toString("base64") });
  socket.send({ type: "input_audio_buffer.commit" });
  update();
}
