// The stock openai client for Node, unmodified: files to text. `openai_rest.cjs BASE KEY RECORDING LONGER` prints what
// each call gave, as a line of JSON; an error's class and fields where it threw one.
const fs = require("fs");
const OpenAI = require("openai");

const [base, key, path, longer] = process.argv.slice(2);
const client = new OpenAI({ apiKey: key, baseURL: base, maxRetries: 0 });

async function tell(call, promise) {
  let told;
  try {
    told = { value: await promise };
  } catch (error) {
    told = { raised: error.constructor.name, status: error.status, message: error.message, param: error.param, code: error.code };
  }
  console.log(JSON.stringify({ call, ...told }));
}

async function streamed() {
  const events = await client.audio.transcriptions.create({ file: fs.createReadStream(longer), model: "gpt-4o-mini-transcribe", stream: true });
  const deltas = [];
  let last;
  for await (last of events) if (last.type === "transcript.text.delta") deltas.push(last.delta);
  return { deltas, ...last };
}

async function main() {
  const transcribe = (options) => client.audio.transcriptions.create({ model: "whisper-1", ...options });
  // Chunked, and the file before all else.
  await tell("read stream", transcribe({ file: fs.createReadStream(path), response_format: "verbose_json", timestamp_granularities: ["word"] }));
  await tell("file", transcribe({ file: await OpenAI.toFile(fs.readFileSync(path), "talk.flac"), response_format: "srt" }));
  await tell("broken", transcribe({ file: await OpenAI.toFile(Buffer.from("no sound"), "x.wav") }));
  await tell("stream", streamed());
  await tell("models", client.models.list().then((page) => page.data.map((model) => model.id)));
}

main();
