// Uploads a file with tus-js-client in small chunks, and terminates a second upload.
//
//     node tus_upload.mjs ENDPOINT AUTHORIZATION PATH
//
// Prints the URLs of both as JSON.
import { createReadStream, statSync } from "node:fs";
import { Upload } from "tus-js-client";

const [endpoint, authorization, path] = process.argv.slice(2);
const options = {
  endpoint,
  headers: { Authorization: authorization },
  chunkSize: 256 * 1024,
  uploadSize: statSync(path).size,
  retryDelays: Array(100).fill(200),
  metadata: { filename: "Größe.bin", filetype: "application/octet-stream" },
};

function send(more, afterChunk = () => {}) {
  return new Promise((resolve, reject) => {
    const upload = new Upload(createReadStream(path), {
      ...options,
      ...more,
      onSuccess: () => resolve(upload.url),
      onError: reject,
      onChunkComplete: () => afterChunk(upload, resolve),
    });
    upload.start();
  });
}

const uploaded = await send({ uploadDataDuringCreation: true });
const terminated = await send({}, async (upload, resolve) => {
  const { url } = upload;
  await upload.abort(true);
  resolve(url);
});
console.log(JSON.stringify({ uploaded, terminated }));
