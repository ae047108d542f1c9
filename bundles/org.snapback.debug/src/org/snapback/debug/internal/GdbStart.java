// SPDX-License-Identifier: EPL-2.0
package org.snapback.debug.internal;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.eclipse.core.runtime.CoreException;
import org.eclipse.core.runtime.IProgressMonitor;
import org.eclipse.debug.core.DebugPlugin;
import org.eclipse.debug.core.ILaunch;
import org.snapback.core.program.NativeProgram;
import org.snapback.core.program.Preflight;
import org.snapback.core.program.SessionCommand;
import org.snapback.core.program.SessionSockets;

/**
 * Starts gdb in a session, its console in the Console view and its element in the Debug view.
 *
 * @param program the native program
 * @param name what is debugged, in one word
 */
record GdbStart(ILaunch launch, LaunchSettings settings, Path program, Path socket, String name) {

    /** The Console view is no terminal: no colours, no line editing, no pages, and no questions where to break lines. */
    private static final List<String> PLAIN_CONSOLE =
            List.of("set style enabled off", "set editing off", "set pagination off", "set width 0");

    /** Makes sure that a session can be made here. */
    static GdbStart prepare(ILaunch launch, LaunchSettings settings, String name) throws CoreException {
        Path program = NativeProgram.locate();
        Preflight.check(program);
        return new GdbStart(launch, settings, program, SessionSockets.free(name), name);
    }

    /** The beginning of the command: options of the native program may follow. */
    SessionCommand command() {
        return SessionCommand.gdb(program, socket, gdb()[0]);
    }

    private String[] gdb() {
        return DebugPlugin.parseArguments(settings.gdb());
    }

    /** @param debugged the words of gdb's command line that name what it debugs; the last ones */
    void run(SessionCommand command, List<String> debugged, IProgressMonitor monitor) throws CoreException {
        List<String> gdb = List.of(gdb());
        command.words(gdb.subList(1, gdb.size()))
                .words(List.of("-q"))
                .words(each("-iex", PLAIN_CONSOLE))
                .words(each("-ex", settings.gdbCommands()))
                .words(debugged);
        runGdb(command.toList(), monitor);
    }

    /** @param command whatever makes a session with a gdb in it */
    void runGdb(List<String> command, IProgressMonitor monitor) throws CoreException {
        SessionStarter starter = new SessionStarter(launch, socket);
        SessionProcess process = starter.start(command, settings, "gdb " + name);
        starter.connect(process, monitor)
                .ifPresent(session -> launch.addDebugTarget(new GdbDebugTarget(launch, process, session)));
    }

    private static List<String> each(String option, List<String> values) {
        List<String> words = new ArrayList<>();
        values.forEach(value -> words.addAll(List.of(option, value)));
        return words;
    }
}
