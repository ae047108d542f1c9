// SPDX-License-Identifier: EPL-2.0
package org.snapback.core.control;

import org.eclipse.jdt.annotation.Nullable;
import com.google.protobuf.MessageLite;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.WritableByteChannel;

/** The framing of the control protocol: four bytes of length, big-endian, then the message. */
public final class Frames {

    /** The longest message that either side may send, in bytes. */
    public static final int MAX_LENGTH = 1 << 20;

    private static final int HEADER_LENGTH = Integer.BYTES;

    private Frames() {}

    /**
     * Reads one whole frame; blocks until it is there.
     *
     * @return the message's bytes, ready to be read; null at a clean end between two frames
     * @throws EOFException if the peer ends in the middle of a frame
     * @throws FrameException if the length is out of range; nothing is allocated for it
     */
    public static @Nullable ByteBuffer read(ReadableByteChannel channel) throws IOException {
        ByteBuffer header = ByteBuffer.allocate(HEADER_LENGTH);
        if (!fill(channel, header)) {
            return null;
        }
        int length = header.flip().getInt();
        if (length < 0 || length > MAX_LENGTH) {
            throw new FrameException("a message of " + Integer.toUnsignedString(length) + " bytes was announced, "
                    + MAX_LENGTH + " is the limit");
        }
        ByteBuffer body = ByteBuffer.allocate(length);
        if (!fill(channel, body) && length > 0) {
            throw new EOFException("the connection ended after a frame's length");
        }
        return body.flip();
    }

    /** @throws FrameException if the message is too long; nothing is sent then */
    public static void write(WritableByteChannel channel, MessageLite message) throws IOException {
        int length = message.getSerializedSize();
        if (length > MAX_LENGTH) {
            throw new FrameException("the message is " + length + " bytes long, " + MAX_LENGTH + " is the limit");
        }
        ByteBuffer frame = ByteBuffer.allocate(HEADER_LENGTH + length);
        frame.putInt(length).put(message.toByteArray()).flip();
        while (frame.hasRemaining()) {
            channel.write(frame);
        }
    }

    /** False: the channel ended before the first byte. */
    private static boolean fill(ReadableByteChannel channel, ByteBuffer buffer) throws IOException {
        while (buffer.hasRemaining()) {
            if (channel.read(buffer) < 0) {
                if (buffer.position() == 0) {
                    return false;
                }
                throw new EOFException("the connection ended in the middle of a frame");
            }
        }
        return true;
    }

    /** A frame that the protocol does not allow. */
    public static final class FrameException extends IOException {
        private static final long serialVersionUID = 1L;

        FrameException(String message) {
            super(message);
        }
    }
}
