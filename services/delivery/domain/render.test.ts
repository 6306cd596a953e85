import assert from 'node:assert/strict';
import test from 'node:test';
import { renderMail } from './render.ts';

test('a congratulation greets the person by name in text and HTML', () => {
  const mail = renderMail({ kind: 'congratulation', name: 'Ada', message: 'Your score increased by 15 points!' });
  assert.equal(mail.subject, 'Your score went up');
  assert.equal(mail.text, 'Hello Ada,\n\nYour score increased by 15 points!\n\nKeep it up!\n\nTradepost\n');
  assert.match(mail.html, /<p [^>]*>Hello Ada,<\/p>/);
  assert.match(mail.html, /Your score increased by 15 points!/);
});

test('what a person wrote cannot become markup', () => {
  const mail = renderMail({ kind: 'message', name: '<b>Eve</b>', message: '<script>alert(1)</script> {{ 1 }}' });
  assert.match(mail.html, /&lt;b&gt;Eve&lt;\/b&gt;/);
  assert.match(mail.html, /&lt;script&gt;alert\(1\)&lt;\/script&gt; \{\{ 1 \}\}/);
  assert.doesNotMatch(mail.html, /<script>/);
  assert.match(mail.text, /<script>alert\(1\)<\/script>/);
});

test('an address without a person is not greeted', () => {
  const mail = renderMail({ kind: 'message', name: '', message: 'Hi', subject: 'Hello' });
  assert.equal(mail.subject, 'Hello');
  assert.equal(mail.text, 'Hi\n\nTradepost\n');
});
