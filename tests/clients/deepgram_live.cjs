// Deepgram's client for JavaScript, version 5, live: PORT FILE OPTIONS, the last as JSON. It comes back after
// any close but 1000: all that it opens is told, for some seconds after the first close.
const fs = require("fs");
const { DeepgramClient } = require("@deepgram/sdk");

const [port, path, options] = process.argv.slice(2);
const tell = (event, value) => console.log(JSON.stringify({ event, value }));
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

(async () => {
  const environment = {
    base: `http://127.0.0.1:${port}`, production: `ws://127.0.0.1:${port}`,
    agent: `ws://127.0.0.1:${port}`, agentRest: `http://127.0.0.1:${port}`,
  };
  const client = new DeepgramClient({ apiKey: "a key", environment });
  const { wait: seconds, ...wished } = JSON.parse(options);
  const socket = await client.listen.v1.connect({ model: "nova-3", Authorization: "Token a key", ...wished });
  let isOver = false;
  socket.on("open", () => tell("open"));
  socket.on("message", (message) => tell("message", message));
  socket.on("close", (event) => { tell("close", { code: event?.code, reason: event?.reason }); isOver = true; });
  socket.on("error", (error) => tell("error", String(error?.message ?? error)));
  socket.connect();
  try {
    await Promise.race([socket.waitForOpen(), wait(5000).then(() => { throw new Error("not open"); })]);
    const sound = fs.readFileSync(path);
    for (let at = 0; at < sound.length && !isOver; at += 8000) {
      socket.sendMedia(sound.subarray(at, at + 8000));
      await wait(100);
    }
    if (!isOver) {
      socket.sendFinalize({ type: "Finalize" });
      socket.sendCloseStream({ type: "CloseStream" });
    }
  } catch (error) {
    tell("refused", String(error?.message ?? error));
  }
  for (let i = 0; i < 600 && !isOver; i++) await wait(100);
  await wait(1000 * (seconds ?? 4));  // does it come back?
  process.exit(0);
})();
