// The default training job in TensorFlow.js on its CPU backend: ten batches a line on stdin.
import * as tf from '@tensorflow/tfjs';
import readline from 'node:readline';

const [batch, length, features, batches] = [32, 10, 20, 10];
await tf.setBackend('cpu');
await tf.ready();
const model = tf.sequential({
  layers: [
    tf.layers.lstm({ units: 64, returnSequences: true, inputShape: [length, features] }),
    tf.layers.dropout({ rate: 0.2 }),
    tf.layers.lstm({ units: 32 }),
    tf.layers.dropout({ rate: 0.2 }),
    tf.layers.dense({ units: 64, activation: 'relu' }),
    tf.layers.dropout({ rate: 0.2 }),
    tf.layers.dense({ units: 32, activation: 'relu' }),
    tf.layers.dense({ units: 3 }),
  ],
});
model.compile({ optimizer: tf.train.adam(1e-5), loss: 'meanSquaredError' });
const windows = tf.randomNormal([batch * batches, length, features]);
const targets = tf.randomNormal([batch * batches, 3]);
console.log(JSON.stringify({ ready: true }));
for await (const _ of readline.createInterface({ input: process.stdin })) {
  const began = performance.now();
  await model.fit(windows, targets, { batchSize: batch, epochs: 1, verbose: 0, yieldEvery: 'never' });
  const seconds = (performance.now() - began) / 1000;
  console.log(JSON.stringify({ seconds, samples_per_second: (batch * batches) / seconds }));
}
