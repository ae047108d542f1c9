// SPDX-License-Identifier: EPL-2.0
package org.snapback.debug.tests;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.eclipse.core.runtime.CoreException;
import org.eclipse.core.runtime.IProgressMonitor;
import org.eclipse.debug.core.DebugPlugin;
import org.eclipse.debug.core.ILaunch;
import org.eclipse.debug.core.ILaunchConfiguration;
import org.eclipse.debug.core.model.LaunchConfigurationDelegate;
import org.snapback.core.terminal.PseudoTerminal;
import org.snapback.core.terminal.TerminalProcess;
import org.snapback.debug.LaunchAttributes;

/** Finds its gdb and starts it just as CDT does: the version over pipes first, then a console and MI on a second terminal. */
public final class CdtStyleLaunchDelegate extends LaunchConfigurationDelegate {

    static final String GDB_COMMAND = "org.eclipse.cdt.dsf.gdb.DEBUG_NAME";

    /** Of the launch: what {@code --version} answered. */
    static final String VERSION = "test.version";

    /** The MI terminals of the launches, until their gdb ends; the launch's attribute names one. */
    static final Map<ILaunch, PseudoTerminal> MI = new ConcurrentHashMap<>();

    @Override
    public void launch(ILaunchConfiguration configuration, String mode, ILaunch launch, IProgressMonitor monitor)
            throws CoreException {
        String gdb = launch.getAttribute(GDB_COMMAND);
        if (gdb == null) {
            gdb = configuration.getAttribute(GDB_COMMAND, "gdb");
        }
        List<String> command = new ArrayList<>(List.of(DebugPlugin.parseArguments(gdb)));
        if (!command.get(0).startsWith("/")) {
            command.set(0, "/usr/bin/" + command.get(0));
        }
        launch.setAttribute(VERSION, version(command));
        PseudoTerminal mi = PseudoTerminal.open();
        MI.put(launch, mi);
        command.addAll(List.of("--interpreter", "mi2", "--nx", "-q", "--interpreter", "console"));
        command.addAll(List.of("-ex", "new-ui mi2 " + mi.path(), "-ex", "set pagination off", "-ex", "show version"));
        command.add(configuration.getAttribute(LaunchAttributes.PROGRAM, ""));
        TerminalProcess process = TerminalProcess.start(command, System.getenv(), Path.of("/"));
        DebugPlugin.newProcess(launch, process, "gdb");
    }

    private static String version(List<String> gdb) throws CoreException {
        List<String> command = new ArrayList<>(gdb);
        command.add("--version");
        Process process = DebugPlugin.exec(command.toArray(String[]::new), null);
        try {
            return new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            return e.toString();
        }
    }
}
