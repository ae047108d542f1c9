// SPDX-License-Identifier: EPL-2.0
package org.snapback.core.control;

import org.eclipse.jdt.annotation.Nullable;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.UserPrincipal;
import jdk.net.ExtendedSocketOptions;
import org.eclipse.core.runtime.CoreException;
import org.snapback.core.Failure;

/** Opens a session's unix socket and makes sure that it is the same user who listens there. */
final class ControlSocket {

    /** The owner of this process, as the kernel shows it. */
    private static final Path SELF = Path.of("/proc/self");

    private ControlSocket() {}

    static SocketChannel open(Path path) throws CoreException {
        SocketChannel channel = null;
        try {
            channel = SocketChannel.open(StandardProtocolFamily.UNIX);
            channel.connect(UnixDomainSocketAddress.of(path));
            checkPeer(channel, path);
            return channel;
        } catch (IOException | IllegalArgumentException e) {
            closeQuietly(channel);
            throw Failure.DISCONNECTED.exception(
                    "Cannot reach the session at " + path + ": " + e.getMessage()
                            + ". It has probably ended; start the program again.",
                    e);
        } catch (CoreException e) {
            closeQuietly(channel);
            throw e;
        }
    }

    private static void checkPeer(SocketChannel channel, Path path) throws IOException, CoreException {
        UserPrincipal peer =
                channel.getOption(ExtendedSocketOptions.SO_PEERCRED).user();
        if (!peer.equals(Files.getOwner(SELF))) {
            throw Failure.FOREIGN_SOCKET.exception("The socket " + path + " belongs to " + peer.getName()
                    + ". Sessions can be controlled by their own user only.");
        }
    }

    static void closeQuietly(@Nullable SocketChannel channel) {
        if (channel == null) {
            return;
        }
        try {
            channel.close();
        } catch (IOException e) {
            // A socket that is given up: nothing was promised about its last bytes.
        }
    }
}
