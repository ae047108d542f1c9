// SPDX-License-Identifier: EPL-2.0
package org.snapback.core.tests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.ReadableByteChannel;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.snapback.core.control.Frames;
import org.snapback.core.protocol.RenameRequest;
import org.snapback.core.protocol.Request;
import org.snapback.core.protocol.ServerMessage;

/** The framing, with whole, broken and hostile input. */
class FramesTest {

    @Test
    void readsBackWhatItWrote() throws IOException {
        Request first = Request.newBuilder().setId(7).build();
        Request second = Request.newBuilder()
                .setId(8)
                .setRename(RenameRequest.newBuilder().setName("vor dem Fehler"))
                .build();
        ByteArrayOutputStream wire = new ByteArrayOutputStream();
        Frames.write(Channels.newChannel(wire), first);
        Frames.write(Channels.newChannel(wire), second);
        ReadableByteChannel channel = channel(wire.toByteArray());
        assertEquals(first, Request.parseFrom(Frames.read(channel)));
        assertEquals(second, Request.parseFrom(Frames.read(channel)));
        assertNull(Frames.read(channel));
    }

    @Test
    void writesTheLengthInNetworkOrder() throws IOException {
        ByteArrayOutputStream wire = new ByteArrayOutputStream();
        Request request = Request.newBuilder().setId(1).build();
        Frames.write(Channels.newChannel(wire), request);
        ByteBuffer bytes = ByteBuffer.wrap(wire.toByteArray());
        assertEquals(request.getSerializedSize(), bytes.getInt());
        assertEquals(request.getSerializedSize(), bytes.remaining());
    }

    @Test
    void refusesAnAnnouncedLengthBeyondTheLimit() {
        for (int length : new int[] {Frames.MAX_LENGTH + 1, Integer.MAX_VALUE, -1, Integer.MIN_VALUE}) {
            ReadableByteChannel channel =
                    channel(ByteBuffer.allocate(4).putInt(length).array());
            IOException refusal = assertThrows(Frames.FrameException.class, () -> Frames.read(channel));
            assertTrue(refusal.getMessage().contains(Integer.toUnsignedString(length)), refusal.getMessage());
        }
    }

    @Test
    void refusesToSendAMessageBeyondTheLimit() {
        ByteArrayOutputStream wire = new ByteArrayOutputStream();
        Request huge = Request.newBuilder()
                .setRename(RenameRequest.newBuilder().setName("x".repeat(Frames.MAX_LENGTH)))
                .build();
        assertThrows(Frames.FrameException.class, () -> Frames.write(Channels.newChannel(wire), huge));
        assertEquals(0, wire.size());
    }

    @Test
    void tellsACleanEndFromACutOne() throws IOException {
        assertNull(Frames.read(channel()));
        assertThrows(EOFException.class, () -> Frames.read(channel((byte) 0, (byte) 0)));
        assertThrows(EOFException.class, () -> Frames.read(channel((byte) 0, (byte) 0, (byte) 0, (byte) 2)));
        assertThrows(EOFException.class, () -> Frames.read(channel((byte) 0, (byte) 0, (byte) 0, (byte) 2, (byte) 1)));
    }

    @Test
    void takesAnEmptyMessage() throws IOException {
        assertEquals(0, Frames.read(channel(new byte[4])).remaining());
    }

    @Test
    void survivesAnyBytes() {
        Random random = new Random(4711);
        for (int round = 0; round < 20_000; round++) {
            byte[] bytes = new byte[random.nextInt(64)];
            random.nextBytes(bytes);
            if (bytes.length > 4 && random.nextBoolean()) {
                ByteBuffer.wrap(bytes).putInt(random.nextInt(bytes.length));
            }
            readAll(channel(bytes));
        }
    }

    private static void readAll(ReadableByteChannel channel) {
        try {
            for (ByteBuffer frame = Frames.read(channel); frame != null; frame = Frames.read(channel)) {
                ServerMessage.parseFrom(frame);
            }
        } catch (IOException e) {
            // the only way out that hostile bytes may have
        }
    }

    private static ReadableByteChannel channel(byte... bytes) {
        return Channels.newChannel(new ByteArrayInputStream(bytes));
    }
}
